//! `GetServerTimeZones` (MS-OXWSGTZ 3.1.4.1)

use roxmltree::Node;

use super::time_zones::{Rule, ZONES, Zone};
use super::{Context, Operation, list};
use crate::sandbox::ews::SoapAnswer;
use crate::sandbox::ews::answer::Answer;
use crate::sandbox::ews::problem::{Fault, Problem};
use crate::sandbox::ews::session::Session;
use crate::sandbox::ews::settings::text;
use crate::sandbox::ews::write::Xml;

pub struct GetServerTimeZones {
    /// Empty: all.
    ids: Vec<String>,
    full: bool,
}

impl Operation for GetServerTimeZones {
    const WRITES: bool = false;

    fn read(node: Node<'_, '_>, _: Context<'_>) -> Result<Self, Fault> {
        let full = node.attribute("ReturnFullTimeZoneData").is_none_or(|text| matches!(text.trim(), "true" | "1"));
        Ok(Self { ids: list(node, "Ids").map(text).collect(), full })
    }

    fn parts(&self) -> usize {
        1
    }

    async fn execute(self, _: &Session<'_>, name: &'static str) -> Result<SoapAnswer, Fault> {
        let mut answer = Answer::new(name);
        let zones: Vec<&Zone> =
            ZONES.iter().filter(|zone| self.ids.is_empty() || self.ids.iter().any(|id| id == zone.id)).collect();
        let found = if zones.is_empty() {
            Err(Problem::new("ErrorTimeZone", "The specified time zone isn't valid."))
        } else {
            Ok(zones)
        };
        answer.outcome(found, |xml, zones| {
            xml.open("m:TimeZoneDefinitions");
            for zone in zones {
                let attributes = [("Id", zone.id), ("Name", zone.name)];
                if self.full {
                    xml.open_with("t:TimeZoneDefinition", &attributes);
                    write(xml, zone);
                    xml.close("t:TimeZoneDefinition");
                } else {
                    xml.empty("t:TimeZoneDefinition", &attributes);
                }
            }
            xml.close("m:TimeZoneDefinitions");
        });
        Ok(answer.finish())
    }
}

fn write(xml: &mut Xml, zone: &Zone) {
    let standard = format!("trule:Microsoft/Registry/{}/2007-Standard", zone.id);
    let daylight = format!("trule:Microsoft/Registry/{}/2007-Daylight", zone.id);
    xml.open("t:Periods");
    xml.empty("t:Period", &[("Bias", &duration(zone.bias)), ("Name", "Standard"), ("Id", &standard)]);
    if zone.daylight.is_some() {
        xml.empty("t:Period", &[("Bias", &duration(zone.bias - 60)), ("Name", "Daylight"), ("Id", &daylight)]);
    }
    xml.close("t:Periods");
    let Some((start, end)) = zone.daylight else {
        xml.open("t:Transitions");
        xml.open("t:Transition");
        xml.text_with("t:To", &[("Kind", "Period")], &standard);
        xml.close("t:Transition");
        xml.close("t:Transitions");
        return;
    };
    xml.open("t:TransitionsGroups");
    xml.open_with("t:TransitionsGroup", &[("Id", "0")]);
    transition(xml, start, &daylight);
    transition(xml, end, &standard);
    xml.close("t:TransitionsGroup");
    xml.close("t:TransitionsGroups");
    xml.open("t:Transitions");
    xml.open("t:Transition");
    xml.text_with("t:To", &[("Kind", "Group")], "0");
    xml.close("t:Transition");
    xml.close("t:Transitions");
}

fn transition(xml: &mut Xml, rule: Rule, to: &str) {
    xml.open("t:RecurringDayTransition");
    xml.text_with("t:To", &[("Kind", "Period")], to);
    xml.plain("t:TimeOffset", duration(rule.minutes.try_into().unwrap_or_default()));
    xml.plain("t:Month", rule.month);
    xml.plain("t:DayOfWeek", rule.day);
    // The last week of a month is -1 here.
    xml.plain("t:Occurrence", if rule.week == 5 { -1 } else { rule.week });
    xml.close("t:RecurringDayTransition");
}

/// Minutes as `xs:duration`.
fn duration(minutes: i16) -> String {
    let sign = if minutes < 0 { "-" } else { "" };
    let minutes = minutes.unsigned_abs();
    match (minutes / 60, minutes % 60) {
        (0, rest) => format!("{sign}PT{rest}M"),
        (hours, 0) => format!("{sign}PT{hours}H"),
        (hours, rest) => format!("{sign}PT{hours}H{rest}M"),
    }
}

//! Time zones by their Windows names, with the rules in force today.

/// When clocks change: month, week of the month (5: the last), day of the week, minutes after midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub month: u8,
    pub week: i8,
    pub day: &'static str,
    pub minutes: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone {
    pub id: &'static str,
    pub name: &'static str,
    /// Minutes to add to local standard time to get UTC.
    pub bias: i16,
    /// Start and end of daylight saving time.
    pub daylight: Option<(Rule, Rule)>,
}

const fn rule(month: u8, week: i8, day: &'static str, minutes: u16) -> Rule {
    Rule { month, week, day, minutes }
}

const fn zone(id: &'static str, name: &'static str, bias: i16, daylight: Option<(Rule, Rule)>) -> Zone {
    Zone { id, name, bias, daylight }
}

/// European Union: all at 01:00 UTC, which is so many minutes after midnight there.
const fn europe(start: u16) -> (Rule, Rule) {
    (rule(3, 5, "Sunday", start), rule(10, 5, "Sunday", start + 60))
}

const AMERICA: Option<(Rule, Rule)> = Some((rule(3, 2, "Sunday", 120), rule(11, 1, "Sunday", 120)));

pub const ZONES: &[Zone] = &[
    zone("Dateline Standard Time", "(UTC-12:00) International Date Line West", 720, None),
    zone("Hawaiian Standard Time", "(UTC-10:00) Hawaii", 600, None),
    zone("Alaskan Standard Time", "(UTC-09:00) Alaska", 540, AMERICA),
    zone("Pacific Standard Time", "(UTC-08:00) Pacific Time (US & Canada)", 480, AMERICA),
    zone("US Mountain Standard Time", "(UTC-07:00) Arizona", 420, None),
    zone("Mountain Standard Time", "(UTC-07:00) Mountain Time (US & Canada)", 420, AMERICA),
    zone("Central Standard Time", "(UTC-06:00) Central Time (US & Canada)", 360, AMERICA),
    zone("Eastern Standard Time", "(UTC-05:00) Eastern Time (US & Canada)", 300, AMERICA),
    zone("Atlantic Standard Time", "(UTC-04:00) Atlantic Time (Canada)", 240, AMERICA),
    zone("E. South America Standard Time", "(UTC-03:00) Brasilia", 180, None),
    zone("Argentina Standard Time", "(UTC-03:00) City of Buenos Aires", 180, None),
    zone("UTC", "(UTC) Coordinated Universal Time", 0, None),
    zone("GMT Standard Time", "(UTC+00:00) Dublin, Edinburgh, Lisbon, London", 0, Some(europe(60))),
    zone("Greenwich Standard Time", "(UTC+00:00) Monrovia, Reykjavik", 0, None),
    zone(
        "W. Europe Standard Time",
        "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna",
        -60,
        Some(europe(120)),
    ),
    zone(
        "Central Europe Standard Time",
        "(UTC+01:00) Belgrade, Bratislava, Budapest, Ljubljana, Prague",
        -60,
        Some(europe(120)),
    ),
    zone("Romance Standard Time", "(UTC+01:00) Brussels, Copenhagen, Madrid, Paris", -60, Some(europe(120))),
    zone("Central European Standard Time", "(UTC+01:00) Sarajevo, Skopje, Warsaw, Zagreb", -60, Some(europe(120))),
    zone("FLE Standard Time", "(UTC+02:00) Helsinki, Kyiv, Riga, Sofia, Tallinn, Vilnius", -120, Some(europe(180))),
    zone("GTB Standard Time", "(UTC+02:00) Athens, Bucharest", -120, Some(europe(180))),
    zone("South Africa Standard Time", "(UTC+02:00) Harare, Pretoria", -120, None),
    zone("Turkey Standard Time", "(UTC+03:00) Istanbul", -180, None),
    zone("Russian Standard Time", "(UTC+03:00) Moscow, St. Petersburg", -180, None),
    zone("Arabian Standard Time", "(UTC+04:00) Abu Dhabi, Muscat", -240, None),
    zone("India Standard Time", "(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi", -330, None),
    zone("SE Asia Standard Time", "(UTC+07:00) Bangkok, Hanoi, Jakarta", -420, None),
    zone("China Standard Time", "(UTC+08:00) Beijing, Chongqing, Hong Kong, Urumqi", -480, None),
    zone("Singapore Standard Time", "(UTC+08:00) Kuala Lumpur, Singapore", -480, None),
    zone("Tokyo Standard Time", "(UTC+09:00) Osaka, Sapporo, Tokyo", -540, None),
    zone("Korea Standard Time", "(UTC+09:00) Seoul", -540, None),
    zone(
        "AUS Eastern Standard Time",
        "(UTC+10:00) Canberra, Melbourne, Sydney",
        -600,
        Some((rule(10, 1, "Sunday", 120), rule(4, 1, "Sunday", 180))),
    ),
    zone(
        "New Zealand Standard Time",
        "(UTC+12:00) Auckland, Wellington",
        -720,
        Some((rule(9, 5, "Sunday", 120), rule(4, 1, "Sunday", 180))),
    ),
];

//! A page's frame and the escaping.

/// Text as HTML shows it literally, in an element or an attribute.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// A whole page around its content, which is HTML already.
pub fn page(title: &str, content: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style></head>\n\
         <body>\n{content}</body></html>\n"
    )
}

const STYLE: &str = "
:root { color-scheme: light dark; --line: #d5d9e0; --card: #ffffff; --ground: #f4f5f7; --text: #1d2126; --weak: #5b636e; --link: #1f5fd0; }
@media (prefers-color-scheme: dark) { :root { --line: #3a3f47; --card: #24272c; --ground: #1b1d21; --text: #e4e6ea; --weak: #9ba2ad; --link: #7fb0ff; } }
body { font: 15px/1.5 system-ui, sans-serif; background: var(--ground); color: var(--text); max-width: 1500px; margin: 0 auto; padding: 24px; }
h1 { font-size: 24px; margin: 8px 0; } h2 { font-size: 17px; margin: 0 0 8px; } small, dt { color: var(--weak); } a { color: var(--link); }
table { border-collapse: collapse; width: 100%; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
th, td { text-align: left; vertical-align: top; padding: 9px 12px; border-bottom: 1px solid var(--line); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 18px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 16px; min-width: 0; }
dl { display: grid; grid-template-columns: 5em 1fr; gap: 2px 8px; margin: 0 0 12px; } dd { margin: 0; overflow-wrap: anywhere; }
iframe { width: 100%; height: 460px; border: 1px solid var(--line); border-radius: 6px; background: #ffffff; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--ground); padding: 12px; border-radius: 6px; }
.outcome { font-weight: 600; padding-left: 1.2em; }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_mail_becomes_part_of_the_page() {
        let nasty = "</title><script>alert('\"&')</script>";
        assert!(!page(nasty, &escape(nasty)).contains("<script>"));
        assert_eq!(escape("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
    }
}

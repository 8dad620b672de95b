//! Texts and numbers as reports and pages hold them.

/// A number with separators, as people read it.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A text inside markup, of an element or an attribute; what the document cannot hold becomes the replacement character. It holds
/// newlines and tabs in any case.
pub(crate) fn escaped(text: &str, holds: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c => escaped.push(if holds(c) { c } else { '\u{fffd}' }),
        }
    }
    escaped
}

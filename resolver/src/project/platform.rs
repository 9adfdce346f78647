//! The `platform` key of a requirement: names of `sys_platform` with `==` or `!=`, joined by `,` and `||`.

/// The marker text for a `platform`; empty for `*`.
pub(super) fn platform_marker(platform: &str) -> String {
    if platform == "*" {
        return String::new();
    }
    let alternatives: Vec<Vec<String>> = platform
        .trim()
        .split("||")
        .flat_map(|part| part.split('|'))
        .map(|part| part.split(',').map(comparison).collect())
        .collect();
    let in_parentheses = alternatives.len() > 1;
    let parts: Vec<String> = alternatives
        .iter()
        .map(|conditions| match conditions.as_slice() {
            [condition] => condition.clone(),
            conditions if in_parentheses => format!("({})", conditions.join(" and ")),
            conditions => conditions.join(" and "),
        })
        .collect();
    parts.join(" or ")
}

fn comparison(text: &str) -> String {
    let text = text.trim();
    if let Some(value) = text.strip_prefix("!=") {
        return format!("sys_platform != \"{}\"", value.trim());
    }
    let value = text.trim_start_matches('=').trim();
    format!("sys_platform == \"{value}\"")
}

#[cfg(test)]
mod tests {
    use super::platform_marker;

    #[test]
    fn platforms_become_markers() {
        for (platform, marker) in [
            ("*", ""),
            ("darwin", "sys_platform == \"darwin\""),
            ("==win32", "sys_platform == \"win32\""),
            (
                "!=win32, != darwin",
                "sys_platform != \"win32\" and sys_platform != \"darwin\"",
            ),
            (
                "linux || !=win32,!=cygwin",
                "sys_platform == \"linux\" or (sys_platform != \"win32\" and sys_platform != \"cygwin\")",
            ),
        ] {
            assert_eq!(platform_marker(platform), marker, "{platform}");
        }
    }
}

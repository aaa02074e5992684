//! Who changed something, as others are to read it.

/// A name that other computers understand, from what the system says of who is at the other end of the pipe.
pub fn name(peer: &str) -> String {
    let peer = peer.split(" (process ").next().unwrap_or(peer);
    #[cfg(unix)]
    if let Some(user) = peer.strip_prefix("user ")
        && let Ok(known) = std::fs::read_to_string("/etc/passwd")
        && let Some(name) = of_user(user, &known)
    {
        return name;
    }
    peer.to_owned()
}

/// The name of a user by its number.
#[cfg(unix)]
fn of_user(user: &str, known: &str) -> Option<String> {
    known.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1) == Some(user)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_told_by_name_where_there_is_one() {
        assert_eq!(name("CORP\\anna"), "CORP\\anna");
        assert_eq!(name("user 4294967290 (process 7)"), "user 4294967290");
        #[cfg(unix)]
        assert_eq!(of_user("0", "bin:x:1:1::/:\nroot:x:0:0:root:/root:/bin/sh\n").as_deref(), Some("root"));
    }
}

//! `siu-updater check`.

use std::process::{Command, Output, Stdio};

use secrecy::ExposeSecret as _;

use crate::fixture::Fixture;

fn check(fixture: &Fixture, upn: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_siu-updater"));
    command.args(["check", "--upn", upn, "--ca", &fixture.ca_file]);
    command.args(fixture.name_server.map(|server| format!("--name-server={server}")));
    command.env("SIU_PASSWORD", fixture.password.expose_secret()).env_remove("SIU_DIRECTORY_PASSWORD");
    command.env("SIU_LOG", "trace").stdin(Stdio::null());
    command
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// W11, X2
pub async fn check_prints_every_condition_and_fails_by_its_status(fixture: &Fixture) {
    let password = fixture.password.expose_secret();
    let run = |upn: &str| {
        let mut command = check(fixture, upn);
        command.args(["--user", &fixture.user("service")]).env("SIU_DIRECTORY_PASSWORD", password);
        command.args(fixture.controllers.iter().map(|controller| format!("--controller={controller}")));
        command.output().unwrap()
    };
    let good = run(&fixture.user("service"));
    let (out, err) = texts(&good);
    assert!(good.status.success(), "{err}");
    for condition in sent_items_update::directory::AccountCondition::ALL {
        assert!(out.contains(&condition.to_string()), "{out}");
    }
    assert!(!out.contains("NOT MET"), "{out}");
    let bad = run(&fixture.user("locked"));
    let (out, err) = texts(&bad);
    assert_eq!(bad.status.code(), Some(1));
    assert!(out.contains("NOT MET: The account is locked."), "{out}");
    assert!(err.contains("does not meet a condition"), "{err}");
    // Whatever is logged, no password is.
    assert!(!out.contains(password) && !err.contains(password));

    // The password of --user is needed, and said to be.
    let output = check(fixture, &fixture.user("anna")).args(["--user", &fixture.user("ben")]).output().unwrap();
    assert!(texts(&output).1.contains("SIU_DIRECTORY_PASSWORD"));
    assert_eq!(output.status.code(), Some(1));
}

/// U11: Kerberos, in a build that has it; else the advice what to do.
pub async fn check_as_the_logged_on_user(fixture: &Fixture) {
    let folder = tempfile::tempdir().unwrap();
    let cache = format!("FILE:{}", folder.path().join("tickets").display());
    let run = |controller: &str, clock: Option<&str>, cache: &str| {
        let plain = check(fixture, &fixture.user("anna"));
        let mut command = match clock {
            None => plain,
            Some(clock) => {
                let mut faked = Command::new("faketime");
                faked.args(["-f", clock]).arg(plain.get_program()).args(plain.get_args());
                faked.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
                faked
            }
        };
        command.args(["--controller", controller]).env("KRB5CCNAME", cache);
        command.envs(fixture.kerberos.as_ref().map(|config| ("KRB5_CONFIG", config)));
        let output = command.output().unwrap();
        (output.status.code(), texts(&output))
    };
    let name = &fixture.controller_name;
    let (status, (_, err)) = run(name, None, &cache);
    assert_eq!(status, Some(1));
    if cfg!(not(feature = "gssapi")) {
        assert!(err.contains("built without Kerberos") && err.contains("Sign in with a user principal name"), "{err}");
        return;
    }
    let Some(config) = &fixture.kerberos else { return };
    assert!(err.contains("no Kerberos ticket") && err.contains("kinit"), "{err}");
    kinit(fixture, config, &cache);
    let (status, (out, err)) = run(name, None, &cache);
    assert!(status == Some(0) && !out.contains("NOT MET"), "{out}{err}");
    let (_, (_, err)) = run(&fixture.controllers[0], None, &cache);
    assert!(err.contains("needs the name of the domain controller"), "{err}");
    // Six minutes ahead, where five are allowed.
    let (status, (_, err)) = run(name, Some("+6m"), &cache);
    assert_eq!(status, Some(1));
    assert!(err.contains("clocks"), "{err}");
}

fn kinit(fixture: &Fixture, config: &str, cache: &str) {
    use std::io::Write as _;
    let user = fixture.user("service");
    let principal = user.split('@').next().unwrap().to_owned() + "@" + &fixture.domain.to_uppercase();
    let mut child = Command::new("kinit")
        .arg(principal)
        .env("KRB5_CONFIG", config)
        .env("KRB5CCNAME", cache)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(fixture.password.expose_secret().as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "kinit");
}

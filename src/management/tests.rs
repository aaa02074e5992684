use super::*;

fn endpoint(base: &str) -> Endpoint {
    Endpoint::new(base.parse().unwrap(), "corp.example", Authorization::Bearer("token".into()))
}

/// U11
#[test]
fn an_unencrypted_address_and_a_name_that_can_not_sign_in_are_refused() {
    let problem = Management::new(&endpoint("http://exchange.corp.example")).err().unwrap().to_string();
    assert!(problem.contains("https"), "{problem}");
    let authorization = Authorization::Basic { user: "a:b".to_owned(), password: "geheim".into() };
    let refused = Management::new(&Endpoint { authorization, ..endpoint("https://exchange.corp.example") });
    assert_eq!(refused.err(), Some(ManagementError::Account));
    let authorization = Authorization::Bearer("to\nken".into());
    let refused = Management::new(&Endpoint { authorization, ..endpoint("https://exchange.corp.example") });
    assert_eq!(refused.err(), Some(ManagementError::Account));
}

#[test]
fn cmdlets_are_run_where_the_organisation_is_whatever_stands_behind_the_server() {
    for base in ["https://exchange.corp.example", "https://exchange.corp.example/"] {
        let management = Management::new(&endpoint(base)).unwrap();
        let expected = "https://exchange.corp.example/adminapi/beta/corp.example/InvokeCommand";
        assert_eq!(management.url.as_str(), expected);
    }
    let strange = Endpoint { organisation: "a/../b?c".to_owned(), ..endpoint("https://exchange.corp.example") };
    let management = Management::new(&strange).unwrap();
    assert!(management.url.path().ends_with("/adminapi/beta/a%2F..%2Fb%3Fc/InvokeCommand"), "{}", management.url);
}

#[test]
fn the_password_is_in_the_header_and_is_not_shown() {
    let authorization = Authorization::Basic { user: "admin@corp.example".to_owned(), password: "geheim".into() };
    assert!(!format!("{authorization:?}").contains("geheim"));
    let Signed::With(header) = signed(&authorization).unwrap() else { panic!("that is no token to be asked for") };
    assert!(header.is_sensitive());
    assert_eq!(header.to_str().unwrap(), "Basic YWRtaW5AY29ycC5leGFtcGxlOmdlaGVpbQ==");
}

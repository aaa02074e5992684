//! The directory client against a real Active Directory (Samba, started by `tests/lab/active-directory.sh`), against
//! the sandbox with the same people in it, and against controllers that misbehave. Only Samba needs the lab.
//!
//! What is expected stands in terms of roles (`fixture.user("expired")`). Where the sandbox differs from Samba, it is
//! wrong.

mod accounts;
#[path = "../by_hand/mod.rs"]
mod by_hand;
mod command_line;
mod connection_points;
mod controller;
mod fixture;
mod hostile;
mod membership;
#[path = "../network/mod.rs"]
mod network;
mod places;
mod sandboxes;
mod searching;

use fixture::Fixture;

/// Runs each of these on every directory, or says that one of them is not there.
macro_rules! suite {
    ($($directory:ident)+: $groups:tt) => {
        $(on! { $directory $groups })+
    };
}

macro_rules! on {
    ($directory:ident { $($group:ident { $($name:ident),+ $(,)? })+ }) => {
        mod $directory {
            $(mod $group {
                $(
                    #[tokio::test(flavor = "multi_thread")]
                    async fn $name() {
                        let Some(fixture) = crate::Fixture::$directory().await else {
                            eprintln!("NOT RUN: the directory on {}", crate::fixture::WITHOUT);
                            return;
                        };
                        crate::$group::$name(&fixture).await;
                        fixture.stop().await;
                    }
                )+
            })+
        }
    };
}

suite! { samba sandbox: {
    searching {
        a_page_is_asked_for_when_it_is_wanted_and_all_pages_hold_everybody_once,
        a_search_finds_by_the_beginning_of_names_addresses_and_upns,
        a_search_finds_the_kinds_that_are_wanted,
        a_result_says_what_is_shown,
        odd_names_are_found_and_what_is_typed_is_never_syntax,
        a_stream_that_is_dropped_asks_nothing_more,
        objects_are_known_by_guid_and_what_is_gone_is_none,
    }
    places {
        the_own_domain_comes_first_and_trusts_say_what_stands_against_them,
        a_trusted_domain_is_searched_with_the_same_sign_in,
        controllers_are_found_by_dns_and_start_tls_serves_as_well,
        a_wrong_sign_in_is_told_in_words,
        a_controller_of_another_domain_is_not_taken,
        an_authority_that_is_not_trusted_is_named_as_the_trouble,
    }
    membership {
        nested_membership_counts_and_a_cycle_ends,
        members_are_the_same_when_groups_are_walked,
        primary_groups_count_as_membership,
        odd_group_names_and_empty_groups_are_no_trouble,
        a_group_of_thousands_is_complete,
        a_group_that_is_gone_is_told_from_an_empty_one,
        what_went_after_it_was_looked_for_where_it_was_is_gone,
        users_send_by_all_their_addresses,
    }
    accounts {
        each_trouble_of_an_account_fails_its_own_condition,
        a_wrong_password_is_told_from_all_else,
        a_good_account_meets_every_condition,
        domain_admins_counts_nested_membership,
        an_account_is_created_and_taken_over_only_when_it_is_ours,
        who_may_not_create_accounts_is_told_so_and_nothing_is_left_behind,
        an_account_that_is_renamed_stays_and_one_that_is_deleted_is_gone,
    }
    command_line {
        check_prints_every_condition_and_fails_by_its_status,
    }
} }

/// Samba has no Exchange.
mod exchange {
    on! { sandbox { connection_points {
        the_service_of_the_own_site_comes_first,
        a_pointer_is_followed_to_a_domain_that_is_trusted_and_nowhere_else,
    } } }
}

/// The sandbox has no Kerberos.
mod kerberos {
    on! { samba { command_line { check_as_the_logged_on_user } } }
}

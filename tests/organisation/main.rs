//! The organisation's configuration in a real Active Directory: Samba, started by `tests/lab/active-directory.sh`.
//!
//! Each test has an organisational unit of its own as the place, so that they run beside each other.

#[path = "../by_hand/mod.rs"]
mod by_hand;
mod concurrency;
mod lab;
mod lost;
mod place;
#[path = "../process/mod.rs"]
mod process;
mod proxy;
mod registration;
mod rights;
mod updaters;

use lab::Lab;

/// Runs each of these on Samba, or says that it is not there.
macro_rules! samba {
    ($($group:ident { $($name:ident),+ $(,)? })+) => {
        $(mod $group {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    let Some(lab) = crate::Lab::open().await else {
                        eprintln!("NOT RUN: the organisation's configuration on {}", crate::lab::WITHOUT);
                        return;
                    };
                    crate::$group::$name(&lab).await;
                    lab.close().await;
                }
            )+
        })+
    };
}

/// Names of the tests, apart from the modules that hold them.
mod samba {
    samba! {
        place {
            an_administrator_makes_the_place_and_what_is_published_is_read_back,
            registering_again_renews_the_registration_and_keeps_the_organisation,
            what_an_administrator_can_not_do_is_told_in_words,
            a_deleted_container_is_made_again_by_an_administrator_and_by_nobody_else,
            a_document_may_have_256_kib_and_no_more,
            the_mark_tells_whether_anything_changed,
            without_a_word_the_place_is_the_usual_one,
            while_the_first_controller_is_away_others_are_read_and_nothing_is_written,
        }
        rights {
            an_ordinary_user_reads_no_configuration_and_changes_nothing,
            a_registered_updater_reads_and_publishes_and_can_not_enrol_another,
            a_removed_updater_may_do_nothing_any_more_and_the_others_still_may,
            two_updaters_with_one_account_lose_it_with_the_second,
            rights_that_were_broken_by_hand_are_named_and_put_right,
            two_administrators_who_register_at_the_same_moment_both_succeed,
        }
        concurrency {
            of_two_who_write_at_the_same_moment_exactly_one_wins,
            of_two_first_documents_exactly_one_is_taken,
            what_was_edited_by_hand_after_it_was_read_is_not_overwritten,
            values_added_by_hand_are_no_document_and_are_replaced_on_purpose,
        }
        lost {
            a_write_whose_answer_was_lost_is_known_by_its_number,
            a_write_that_never_arrived_is_made_once_more,
            a_write_that_was_overtaken_after_its_answer_was_lost_is_a_conflict,
            a_directory_that_stays_away_after_the_request_leaves_it_open_in_words,
        }
        updaters {
            what_is_configured_at_one_updater_is_in_force_at_the_other_and_updates_its_mail,
            two_administrators_at_two_updaters_are_told_of_each_other,
            an_updater_that_was_removed_works_on_with_what_it_has_and_changes_nothing,
            an_outage_in_the_middle_of_a_publication_changes_nothing_and_ends_by_itself,
            settings_of_a_computers_own_are_kept_when_it_joins_and_can_be_set_again,
            who_may_not_register_is_told_which_group_it_takes_and_the_updater_stays_by_itself,
            computers_sign_in_with_their_tickets,
        }
    }
}

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sent_items_update_fuzz::try_it(&sent_items_update_fuzz::doors::SMTP, input));

use domain::{Command, Delta, Outside, Refusal, Shelf};

use crate::story::*;

fn text(command: &Command) -> String {
    serde_json::to_string(command).unwrap()
}

#[test]
fn a_command_reads_as_it_did_before_it_could_say_more() {
    let tea = TEA.0;
    let receive = Command::Receive {
        item: TEA,
        location: None,
        quantity: quantity(3),
        expected: false,
        into: Shelf::Available,
    };
    assert_eq!(
        text(&receive),
        format!(r#"{{"command":"receive","item":"{tea}","location":null,"quantity":3,"expected":false}}"#)
    );
    assert_eq!(
        text(&adjust(-3)),
        format!(r#"{{"command":"adjust","item":"{tea}","location":null,"delta":-3,"against":"adjustment"}}"#)
    );
    assert_eq!(text(&confirm(A)), format!(r#"{{"command":"confirm","hold":"{}"}}"#, A.0));
}

#[test]
fn everything_that_a_caller_gave_is_read_and_nothing_that_was_made_for_it() {
    let delta = Delta::try_from(1).unwrap();
    let against = Outside::Adjustment;
    let damaged = Command::Adjust { item: TEA, location: None, delta, against, shelf: Shelf::Damaged };
    assert_ne!(text(&damaged), text(&adjust(1)));
    assert_ne!(text(&confirm(A)), text(&confirm_part(A, &[(TEA, 1)])));
    assert_ne!(text(&count(TEA, 1, None)), text(&count(TEA, 1, Some(1))));
    assert_ne!(text(&receive_all()), text(&receive_part(&[(TEA, 1)])));
    assert_ne!(text(&extend(A, 1)), text(&extend(A, 2)));
    let again = Command::Ship { transfer: U, from: MAIN, to: BACK, lines: shipped(&[(TEA, 1)]) };
    assert_eq!(text(&ship(&[(TEA, 1)])), text(&again));
}

#[test]
fn a_refusal_reads_back_as_it_was_written() {
    for refusal in [
        Refusal::MoveToItself,
        Refusal::VersionUnknown { expected: 9, actual: 2 },
        Refusal::HoldLineUnknown { hold: A, item: TEA },
        Refusal::TransferExceeded { sku: "TEA".to_owned(), requested: 3, outstanding: 2 },
        Refusal::CountHeld { sku: "TEA".to_owned(), missing: 3, available: 2, reserved: 4 },
    ] {
        let text = serde_json::to_string(&refusal).unwrap();
        assert_eq!(serde_json::from_str::<Refusal>(&text).unwrap(), refusal, "{text}");
    }
}

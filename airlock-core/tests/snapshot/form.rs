//! How a gate is written, which other releases have to read.

use airlock_core::gate::{
    BlobError, Conditions, Decision, Enter, Key, LineSpec, Micros, OnMissed, OnReentry, Outcome, Pick, Record,
    SharedSpec, Spec, Stay, SwitchState, Verb, decide,
};

use crate::ask::secret;

pub fn spec() -> Spec {
    Spec {
        name: "imports".into(),
        limit: 2,
        rate: None,
        leased: true,
        ttl: 30_000_000,
        max_hold: airlock_core::gate::NEVER,
        pick: Pick::Fair,
        line: LineSpec {
            capacity: 10,
            group_capacity: 5,
            presence: 6_000_000,
            claim_window: 4_000_000,
            on_missed: OnMissed::Drop,
        },
        on_reentry: OnReentry::Refuse,
        revision: 3,
        step_bound: 64,
        guarded: false,
        shared: Some(SharedSpec { presence: 6_000_000, confirmation: 4_000_000 }),
    }
}

fn enter(token: u32, identity: Option<&'static str>) -> Verb<'static> {
    Verb::Enter(Enter {
        key: Some(Key::Token(secret(token))),
        identity,
        group: Some("red \"ones\""),
        weight: 2,
        score: 0.0,
        per_second: 0.0,
        share: 0.1,
        cap: 0,
        stay: Stay::Away,
    })
}

fn asked(blob: Option<&[u8]>, asked: &[(Verb<'_>, u64)], now: Micros) -> Result<Decision, BlobError> {
    decide(blob, &spec(), &Conditions::default(), "tenant:acme", asked, now, Record::Nothing)
}

pub const NOW: Micros = 1_777_777_777_000_000;
/// As release 0.1 writes it. What is written otherwise is another version.
const WRITTEN: &str = include_str!("written.txt");

/// Somebody inside, one in line, a spent token and a switch.
fn busy() -> Decision {
    let because = Some("back soon");
    let commands = [
        (enter(1, Some("ada")), 1),
        (enter(2, None), 2),
        (Verb::GiveUp { key: Key::Token(secret(3)), doubt: true }, 3),
        (Verb::Switch { state: Some(SwitchState::Closed), reopen_in: Some(60_000_000), because }, 4),
    ];
    asked(None, &commands, NOW).expect("it can be kept")
}

#[test]
fn it_is_written_as_it_always_was() {
    let blob = busy().blob.expect("there is something to keep");
    assert_eq!(String::from_utf8(blob).expect("it is text"), WRITTEN);
}

#[test]
fn what_was_written_once_is_read() -> Result<(), BlobError> {
    let poll = |token| (Verb::Poll { key: Key::Token(secret(token)) }, 1);
    let decision = asked(Some(WRITTEN.as_bytes()), &[poll(1), poll(2), poll(3), poll(4)], NOW + 1)?;
    let outcomes: Vec<_> = decision.decided.iter().map(|decided| &decided.answer.outcome).collect();
    assert!(matches!(outcomes[0], Outcome::Admitted(grant) if grant.fence == NOW));
    assert!(matches!(outcomes[1], Outcome::Queued(place) if place.position == 1));
    assert!(matches!(outcomes[2], Outcome::Over(_)));
    assert!(matches!(outcomes[3], Outcome::NotHeld));
    assert_eq!(decision.forget_at, Some(NOW + 60_000_000), "the spent token, the switch, the numbers");
    Ok(())
}

#[test]
fn another_form_is_told_apart() {
    let ask = |text: &str| asked(Some(text.as_bytes()), &[], NOW).expect_err("it is another form");
    let newer = ask(&WRITTEN.replace("gate 1", "gate 2"));
    assert!(newer.is_newer() && newer.to_string().contains("upgrade"), "{newer}");
    let foreign = ask("[settings]\nverbose = true\n");
    assert!(foreign.is_foreign() && foreign.to_string().contains("move it away"), "{foreign}");
    for cut in ["", "air", "airlock-gate 1", &WRITTEN[..100], &WRITTEN[..WRITTEN.len() - 1]] {
        let corrupt = ask(cut);
        assert!(corrupt.is_corrupt() && corrupt.to_string().contains("remove it"), "{corrupt}");
    }
    let elsewhere =
        decide(Some(WRITTEN.as_bytes()), &spec(), &Conditions::default(), "tenant:other", &[], NOW, Record::Nothing);
    assert!(elsewhere.expect_err("it is another resource's").is_foreign());
}

#[test]
fn nothing_is_kept_of_nothing() -> Result<(), BlobError> {
    let decision = asked(None, &[(Verb::Tick, 1), (Verb::Poll { key: Key::Token(secret(1)) }, 1)], NOW)?;
    assert!(decision.blob.is_none() && decision.decided.iter().all(|decided| decided.idle));
    let blob = busy().blob.expect("there is something to keep");
    let alone = Spec { shared: None, ..spec() };
    let look = [(Verb::Look { key: Key::Token(secret(2)) }, 1)];
    let decision = decide(Some(&blob), &alone, &Conditions::default(), "tenant:acme", &look, NOW, Record::Nothing)?;
    assert!(decision.blob.is_none(), "who only looks changes nothing");
    Ok(())
}

#[test]
fn what_needs_this_process_is_refused() {
    let guarded = Spec { guarded: true, ..spec() };
    let refused = decide(None, &guarded, &Conditions::default(), "r", &[(Verb::Tick, 1)], NOW, Record::Nothing);
    assert!(refused.is_err());
    let Verb::Enter(named) = enter(1, None) else { unreachable!("it is one") };
    let nameless = Verb::Enter(Enter { key: None, ..named });
    assert!(asked(None, &[(nameless, 1)], NOW).is_err());
}

/// A share so small that a turn has no finite number is an error, and what is kept stays readable.
#[test]
fn what_cannot_be_written_is_an_error() -> Result<(), BlobError> {
    let decision = asked(None, &[(enter(1, None), 1)], NOW)?;
    let Verb::Enter(enter) = enter(2, None) else { unreachable!("it is one") };
    let greedy = Verb::Enter(Enter { share: 1e-320, ..enter });
    let error = asked(decision.blob.as_deref(), &[(greedy, 1)], NOW).expect_err("its turn never comes");
    assert!(!error.is_corrupt() && error.to_string().contains("a turn"), "{error}");
    Ok(())
}

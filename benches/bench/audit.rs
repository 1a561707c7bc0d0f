//! The audit: how many answers with personal records a second it takes, and what one costs the one who answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use trucban::domain::access::DataClass;
use trucban::domain::{Actor, Collection, Role, Timestamp};
use trucban::store::audit::{Audit, Event, Kind, verify};
use uuid::Uuid;

use crate::MEASURE_S;
use crate::report::Report;
use crate::world::Folder;

/// Households in one answer.
const IDS: usize = 10;
/// What must be taken for seconds without one refusal.
const ANSWERS_A_SECOND: u64 = 100_000;

/// Measures one steady rate, then as many as one thread can.
pub fn measure(report: &mut Report) {
    let folder = Folder::new("audit");
    let audit = Audit::open(&folder.path).expect("an audit");
    let actor = Arc::new(Actor::new("duty_officer", Role::DutyOfficer, None));
    let ids: Vec<Uuid> = (0..IDS).map(|_| Uuid::now_v7()).collect();
    let answer = || -> bool {
        let Ok(mut slot) = audit.slot() else { return false };
        let at = Timestamp::from_ms(jiff::Timestamp::now().as_millisecond());
        let event = Event::new(Kind::Read, &actor, at, "GET /api/nearby");
        let event = event.about(Collection::Households, DataClass::Personal, IDS as u64);
        slot.put(Event { ids: ids.clone(), ..event });
        true
    };

    let begin = Instant::now();
    let (mut taken, mut refused) = (0_u64, 0_u64);
    while begin.elapsed() < Duration::from_secs(MEASURE_S) {
        let due = (begin.elapsed().as_secs_f64() * ANSWERS_A_SECOND as f64) as u64;
        for _ in taken + refused..due {
            *(if answer() { &mut taken } else { &mut refused }) += 1;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    audit.flush().expect("all is durable");
    let durable = taken as f64 / begin.elapsed().as_secs_f64();
    let told = format!("{taken} taken in {MEASURE_S} s, {refused} refused, {durable:.0} rows/s durable");
    report.alone("audit, 100,000 answers/s of 10 households", &told, "none refused for seconds");

    let begin = Instant::now();
    let mut pushed = 0_u32;
    while pushed < 200_000 && answer() {
        pushed += 1;
    }
    let ns = begin.elapsed().as_nanos() / u128::from(pushed.max(1));
    audit.close();
    let walked = verify(&folder.path).expect("a chain");
    assert!(walked.fault.is_none() && walked.rows == taken + u64::from(pushed), "the chain is whole");
    report.alone("audit, what one answer pays", &format!("{ns} ns, {pushed} in a row"), "");
}

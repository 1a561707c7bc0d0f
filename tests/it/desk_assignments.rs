//! The life of an assignment by the desk's own clock: timers, queues, requests, distress.

use serde_json::{Value, json};
use trucban::desk::{Ask, Decision, Heard, IncidentVerb, Item, Order, Patch, Report, StatusReport, StepReport, Told};
use trucban::domain::accountability::Timers;
use trucban::domain::assignment::Step;
use trucban::domain::{Actor, Code, Collection, Force, Problem, Role, Timestamp};
use uuid::Uuid;

use crate::desk_support::{NIGHT_MS, Room, close, extra, field_unit, officer, point, refused};
use crate::store_support::object;

fn at(after_s: i64) -> Timestamp {
    Timestamp::from_ms(NIGHT_MS + after_s * 1_000)
}

fn told(source: &str, told_by: &str) -> Told {
    Told { source: Some(source.into()), told_by: Some(told_by.into()) }
}

fn proposal(unit: Uuid) -> Order {
    Order { is_proposal: true, ..unit.into() }
}

fn police() -> Actor {
    Actor::new("truc.ca", Role::DutyOfficer, Some(Force::Police))
}

impl Room {
    /// The newest assignment of a unit to an incident.
    fn order_of(&self, incident: Uuid, unit: Uuid) -> Uuid {
        let picture = self.desk.picture().load();
        let is =
            |a: &trucban::picture::Feature, name: &str, id: Uuid| a.text(name).as_deref() == Some(&*id.to_string());
        let all = picture.layer(Collection::Assignments).iter();
        let theirs = all.filter(|a| is(a, "incident_id", incident) && is(a, "unit_id", unit));
        theirs.max_by_key(|a| a.id).unwrap().id
    }

    fn order(&self, id: Uuid, name: &str) -> Value {
        self.property(Collection::Assignments, id, name)
    }

    /// Kinds of the alarms that stand, in alphabetical order.
    fn alarms(&self) -> Vec<String> {
        let view = self.view();
        let mut kinds: Vec<String> =
            view.all(Collection::Alarms).filter_map(|a| a.text("kind").map(|k| k.into_owned())).collect();
        kinds.sort();
        kinds
    }

    fn alarm(&self, kind: &str) -> Uuid {
        let view = self.view();
        view.all(Collection::Alarms).find(|alarm| alarm.text("kind").as_deref() == Some(kind)).unwrap().id()
    }

    async fn says(&self, unit: Uuid, order: Uuid, step: Step) -> Result<trucban::desk::Written, Problem> {
        let reason = (step == Step::Decline).then(|| "xe hỏng".to_owned());
        let report = StepReport { step, told: Told::default(), reason };
        self.desk.step_assignment(&Ask::by(field_unit(unit)), order, report).await
    }

    async fn is_safe(&self, unit: Uuid, order: Uuid) -> Result<trucban::desk::Written, Problem> {
        let heard = Heard { told: Told::default(), no_coverage_until: None };
        self.desk.hear_of_unit(&Ask::by(field_unit(unit)), order, heard).await
    }

    /// One incident of this kind, one unit, sent there.
    async fn sent_to(&self, kind: &str) -> (Uuid, Uuid, Uuid) {
        let (incident, unit) = (self.report(kind, 103.0, 22.0).await, self.unit_at("A", 103.0, 22.0).await);
        self.assign(incident, unit).await;
        (incident, unit, self.order_of(incident, unit))
    }

    async fn turn(&self, order: Uuid) {
        self.desk.turn_assignment(order).await.unwrap();
    }
}

#[tokio::test]
async fn an_order_is_followed_from_the_call_to_the_end_and_its_times_are_counted() {
    let room = Room::new().await;
    let (incident, unit, order) = room.sent_to("other").await;
    assert_eq!(room.order(order, "state"), "dispatched");
    assert_eq!(room.order(order, "ack_due_at"), at(240).to_string());
    let walk = [(60, Step::Acknowledge), (120, Step::EnRoute), (1_800, Step::OnScene), (3_600, Step::Clear)];
    for (after_s, step) in walk {
        room.clock.go_s(after_s);
        room.says(unit, order, step).await.unwrap();
        if let Some(status) = step.status() {
            assert_eq!(room.unit(unit, "status"), status);
            assert_eq!(room.order(order, "state"), status);
        }
    }
    let times = ["turnout_s", "travel_s", "on_scene_s"].map(|name| room.order(order, name));
    assert_eq!(times, [json!(180), json!(1_800), json!(3_600)]);
    assert_eq!(room.order(order, "ack_due_at"), Value::Null);
    let steps = room.order(order, "steps");
    let steps: Vec<(&str, &str)> =
        steps.as_array().unwrap().iter().map(|s| (s["to"].as_str().unwrap(), s["source"].as_str().unwrap())).collect();
    let own = |to| (to, "own");
    let expected = [("dispatched", "desk"), own("acknowledged"), own("en_route"), own("on_scene"), own("cleared")];
    assert_eq!(steps, expected);
    assert_eq!((room.unit(unit, "status"), room.unit(unit, "incident_id")), (json!("available"), Value::Null));
    assert_eq!(
        (room.incident(incident, "state"), room.incident(incident, "unit_ids")),
        (json!("in_progress"), Value::Null)
    );
    assert_eq!(room.log_kinds(incident).last().unwrap(), "cleared");
}

#[tokio::test]
async fn a_status_moves_the_assignment_along_as_its_own_step_does() {
    let room = Room::new().await;
    let (incident, unit, order) = room.sent_to("other").await;
    for status in ["acknowledged", "en_route", "on_scene"] {
        room.clock.go_s(60);
        room.status(unit, status).await.unwrap();
        assert_eq!(room.order(order, "state"), status);
    }
    assert_eq!(room.incident(incident, "state"), "in_progress");
    // What is no step of the order leaves it where it is.
    room.clock.go_s(60);
    room.status(unit, "searching").await.unwrap();
    assert_eq!(room.order(order, "state"), "on_scene");
}

#[tokio::test]
async fn what_is_told_late_fills_its_milestone_and_turns_nothing_back() {
    let room = Room::new().await;
    let (_, unit, order) = room.sent_to("other").await;
    room.clock.go_s(1_200);
    room.says(unit, order, Step::OnScene).await.unwrap();
    let late = Ask::by(field_unit(unit)).at(at(300));
    let report = StepReport { step: Step::EnRoute, told: Told::default(), reason: None };
    room.desk.step_assignment(&late, order, report.clone()).await.unwrap();
    assert_eq!((room.order(order, "state"), room.order(order, "travel_s")), (json!("on_scene"), json!(900)));
    assert_eq!(room.unit(unit, "status"), "on_scene");
    let version = room.version(Collection::Assignments, order);
    let again = room.desk.step_assignment(&late, order, report.clone()).await.unwrap();
    assert!(again.changes.is_empty());
    assert_eq!(room.version(Collection::Assignments, order), version);
    let early = Ask::by(field_unit(unit)).at(at(-600));
    let report = StepReport { step: Step::Acknowledge, ..report };
    refused(room.desk.step_assignment(&early, order, report).await, Code::InvalidValue);
}

#[tokio::test]
async fn who_declines_says_why_is_free_and_the_duty_officer_hears_of_it() {
    let room = Room::new().await;
    let (incident, unit, order) = room.sent_to("other").await;
    let mute = StepReport { step: Step::Decline, told: Told::default(), reason: Some("  ".into()) };
    refused(room.desk.step_assignment(&Ask::by(field_unit(unit)), order, mute).await, Code::MissingField);
    room.says(unit, order, Step::Decline).await.unwrap();
    assert_eq!(
        (room.order(order, "state"), room.order(order, "decline_reason")),
        (json!("declined"), json!("xe hỏng"))
    );
    assert_eq!((room.unit(unit, "status"), room.unit(unit, "incident_id")), (json!("available"), Value::Null));
    assert_eq!(room.incident(incident, "state"), "verified");
    assert_eq!(room.alarms(), ["assignment_declined"]);
    let alarm = room.alarm("assignment_declined");
    assert_eq!(room.property(Collection::Alarms, alarm, "force"), "border_guard");
    room.desk.acknowledge_alarm(&Ask::by(officer()), alarm).await.unwrap();
    assert!(room.alarms().is_empty(), "whoever took it sends the next unit");
    // A second order to the same unit is a second record.
    room.assign(incident, unit).await;
    assert_ne!(room.order_of(incident, unit), order);
}

#[tokio::test]
async fn an_order_that_nobody_acknowledges_is_taken_back_once_and_says_so_to_whoever_comes_late() {
    let room = Room::new().await;
    let (incident, unit, order) = room.sent_to("other").await;
    room.clock.go_s(239);
    room.turn(order).await;
    assert_eq!(room.order(order, "state"), "dispatched", "a second early");
    room.clock.go_s(1);
    room.turn(order).await;
    assert_eq!((room.order(order, "state"), room.unit(unit, "status")), (json!("timed_out"), json!("available")));
    assert_eq!(
        (room.incident(incident, "state"), room.alarms()),
        (json!("verified"), vec!["assignment_timed_out".into()])
    );
    let version = room.version(Collection::Assignments, order);
    room.turn(order).await;
    assert_eq!(room.version(Collection::Assignments, order), version, "it fires once");
    let late = refused(room.says(unit, order, Step::Acknowledge).await, Code::ForbiddenTransition);
    assert_eq!((extra(&late, "state"), extra(&late, "state_at")), (json!("timed_out"), json!(at(240).to_string())));
    assert!(late.detail_vi.contains("quá hạn nhận lệnh lúc 02:18"), "{}", late.detail_vi);
    // The alarm is over with the incident.
    room.verb(incident, close()).await.unwrap();
    assert!(room.alarms().is_empty());
}

#[tokio::test]
async fn a_busy_unit_keeps_its_status_and_takes_what_waits_when_it_has_finished() {
    let room = Room::new().await;
    let (first, unit, order) = room.sent_to("other").await;
    room.says(unit, order, Step::OnScene).await.unwrap();
    let second = room.report("medical", 103.1, 22.1).await;
    assert!(room.assign(second, unit).await);
    let waiting = room.order_of(second, unit);
    assert_eq!((room.order(waiting, "state"), room.unit(unit, "status")), (json!("queued"), json!("on_scene")));
    assert_eq!(room.order(waiting, "ack_due_at"), Value::Null, "nobody was told to go yet");
    refused(room.says(unit, waiting, Step::Acknowledge).await, Code::ForbiddenTransition);
    room.clock.go_s(900);
    room.says(unit, order, Step::Clear).await.unwrap();
    assert_eq!(
        (room.order(waiting, "state"), room.order(waiting, "ack_due_at")),
        (json!("dispatched"), json!(at(1_140).to_string()))
    );
    assert_eq!(
        (room.unit(unit, "status"), room.unit(unit, "incident_id")),
        (json!("dispatched"), json!(second.to_string()))
    );
    assert_eq!(room.order(waiting, "steps")[1]["source"], "desk", "the unit did not order itself");
    assert_eq!(room.incident(first, "unit_ids"), Value::Null);
}

#[tokio::test]
async fn a_unit_in_a_queue_may_say_no_and_goes_on_with_its_work() {
    let room = Room::new().await;
    let (first, unit, order) = room.sent_to("other").await;
    let second = room.report("medical", 103.1, 22.1).await;
    room.assign(second, unit).await;
    let waiting = room.order_of(second, unit);
    room.says(unit, waiting, Step::Decline).await.unwrap();
    assert_eq!((room.order(waiting, "state"), room.order(order, "state")), (json!("declined"), json!("dispatched")));
    assert_eq!(room.unit(unit, "incident_id"), json!(first.to_string()));
    assert_eq!(
        (room.unit(unit, "queued_incident_ids"), room.incident(second, "queued_unit_ids")),
        (Value::Null, Value::Null)
    );
}

#[tokio::test]
async fn a_unit_that_is_out_must_be_heard_of_and_two_misses_are_a_lost_contact_for_a_person_to_decide() {
    let room = Room::new().await;
    let (_, unit, order) = room.sent_to("flash_flood").await;
    assert_eq!(room.order(order, "accountability_due_at"), Value::Null, "nobody is out yet");
    room.says(unit, order, Step::Acknowledge).await.unwrap();
    let every_s = 20 * 60;
    assert_eq!(room.order(order, "accountability_due_at"), at(every_s).to_string());
    // Its own word resets, a step does, and so does what somebody heard by radio.
    room.clock.go_s(600);
    room.is_safe(unit, order).await.unwrap();
    assert_eq!(room.order(order, "accountability_due_at"), at(600 + every_s).to_string());
    room.clock.go_s(60);
    room.says(unit, order, Step::EnRoute).await.unwrap();
    assert_eq!(room.order(order, "accountability_due_at"), at(660 + every_s).to_string());
    room.clock.go_s(600);
    let by_radio = Heard { told: told("radio", "Thiếu uý Hải"), no_coverage_until: None };
    room.desk.hear_of_unit(&Ask::by(officer()).at(at(1_200)), order, by_radio).await.unwrap();
    assert_eq!(room.order(order, "accountability_due_at"), at(1_200 + every_s).to_string());
    // The first miss comes after the retry window, not at the due time.
    room.clock.go_s(every_s - 60 + 119);
    room.turn(order).await;
    assert!(room.alarms().is_empty());
    room.clock.go_s(1);
    room.turn(order).await;
    assert_eq!(
        (room.alarms(), room.order(order, "accountability_missed")),
        (vec!["accountability_missed".to_owned()], json!(1))
    );
    room.clock.go_s(every_s + 120);
    room.turn(order).await;
    assert_eq!(
        (room.alarms(), room.order(order, "accountability_missed")),
        (vec!["contact_lost".to_owned()], json!(2))
    );
    assert_eq!(room.order(order, "accountability_due_at"), Value::Null, "a person decides now");
    assert_eq!(room.unit(unit, "status"), "en_route", "distress is no machine's word");
    // Taking it does not make it go; hearing of the unit does.
    room.desk.acknowledge_alarm(&Ask::by(officer()), room.alarm("contact_lost")).await.unwrap();
    assert_eq!(room.alarms(), ["contact_lost"]);
    room.is_safe(unit, order).await.unwrap();
    assert!(room.alarms().is_empty());
    assert_eq!(room.order(order, "accountability_missed"), Value::Null);
}

#[tokio::test]
async fn announced_absence_of_coverage_puts_the_miss_off() {
    let room = Room::new().await;
    let (_, unit, order) = room.sent_to("flash_flood").await;
    refused(room.is_safe(unit, order).await, Code::ForbiddenTransition);
    room.says(unit, order, Step::EnRoute).await.unwrap();
    let until = |after_s| Heard { told: Told::default(), no_coverage_until: Some(at(after_s)) };
    let ask = Ask::by(field_unit(unit));
    refused(room.desk.hear_of_unit(&ask, order, until(-1)).await, Code::InvalidValue);
    refused(room.desk.hear_of_unit(&ask, order, until(25 * 3_600)).await, Code::InvalidValue);
    room.desk.hear_of_unit(&ask, order, until(7_200)).await.unwrap();
    room.clock.go_s(7_200 + 119);
    room.turn(order).await;
    assert!(room.alarms().is_empty());
    room.clock.go_s(1);
    room.turn(order).await;
    assert_eq!(room.alarms(), ["accountability_missed"]);
}

#[tokio::test]
async fn the_incident_says_how_often_and_those_who_are_out_are_asked_anew() {
    let room = Room::new().await;
    let (incident, unit, order) = room.sent_to("other").await;
    room.says(unit, order, Step::EnRoute).await.unwrap();
    assert_eq!(room.order(order, "accountability_due_at"), Value::Null);
    let every = async |minutes: Value| {
        let patch = Patch { geometry: None, properties: object(json!({"accountability_every_min": minutes})) };
        room.desk.patch(&room.seen(incident), Collection::Incidents, incident, patch).await.unwrap();
        room.order(order, "accountability_due_at")
    };
    assert_eq!(every(json!(15)).await, at(900).to_string());
    assert_eq!(every(json!(0)).await, Value::Null);
}

#[tokio::test]
async fn closing_and_reopening_leave_no_timer_behind() {
    let room = Room::new().await;
    let (incident, unit, order) = room.sent_to("flash_flood").await;
    room.says(unit, order, Step::OnScene).await.unwrap();
    let other = room.unit_at("B", 103.0, 22.0).await;
    room.assign(incident, other).await;
    let unanswered = room.order_of(incident, other);
    let third = room.unit_at("C", 103.0, 22.0).await;
    room.desk.assign(&room.seen(incident), incident, proposal(third)).await.unwrap();
    let proposed = room.order_of(incident, third);
    room.verb(incident, close()).await.unwrap();
    let states = [order, unanswered, proposed].map(|id| room.order(id, "state"));
    assert_eq!(states, [json!("cleared"), json!("cancelled"), json!("cancelled")], "who was there has finished");
    room.verb(incident, IncidentVerb::Reopen { reason: "nước lên lại".into() }).await.unwrap();
    room.clock.go_s(86_400);
    for id in [order, unanswered, proposed] {
        room.turn(id).await;
    }
    assert!(room.alarms().is_empty());
    assert_eq!(
        (room.incident(incident, "state"), room.unit(unit, "status")),
        (json!("in_progress"), json!("available"))
    );
}

#[tokio::test]
async fn a_merge_takes_orders_along_and_its_undoing_brings_them_back() {
    let room = Room::new().await;
    let (source, unit, order) = room.sent_to("other").await;
    let target = room.report("other", 103.0, 22.0).await;
    room.verb(source, IncidentVerb::Merge { into: target }).await.unwrap();
    assert_eq!(room.order(order, "incident_id"), json!(target.to_string()));
    room.says(unit, order, Step::Acknowledge).await.unwrap();
    room.verb(source, IncidentVerb::Unmerge).await.unwrap();
    assert_eq!(room.order(order, "incident_id"), json!(source.to_string()));
    room.says(unit, order, Step::OnScene).await.unwrap();
    assert_eq!(
        (room.incident(source, "state"), room.incident(target, "state")),
        (json!("in_progress"), json!("verified"))
    );
}

#[tokio::test]
async fn units_that_were_assigned_before_there_were_assignments_go_on_as_they_did() {
    let room = Room::new().await;
    let (incident, unit, order) = room.sent_to("other").await;
    room.forget(order).await;
    room.status(unit, "on_scene").await.unwrap();
    assert_eq!(room.incident(incident, "state"), "in_progress");
    room.desk.release(&room.seen(incident), incident, unit).await.unwrap();
    assert_eq!((room.unit(unit, "status"), room.incident(incident, "unit_ids")), (json!("available"), Value::Null));
}

impl Room {
    /// Makes an assignment one that is over and says nothing of its unit, as if there had been none.
    async fn forget(&self, order: Uuid) {
        use trucban::store::{Append, Put};
        let properties = object(json!({"state": "cancelled", "ended_at": at(0).to_string()}));
        let put = Put {
            collection: Collection::Assignments,
            id: order,
            valid_at: None,
            geometry: None,
            properties,
            personal: serde_json::Map::new(),
        };
        let puts = vec![put];
        let call = Append { idempotency: None, actor: "test".into(), exercise_id: None, expects: Vec::new(), puts };
        let seq = self.store.append(call).await.unwrap().seq();
        self.desk.picture().wait_for(seq, std::time::Duration::from_secs(20)).await.unwrap();
    }

    async fn unit_of(&self, code: &str, force: &str) -> Uuid {
        let properties = object(json!({"code": code, "name": code, "force": force, "kind": "rescue_team"}));
        let item = Item { geometry: None, properties };
        self.desk.create(&Ask::by(officer()), Collection::Units, None, item).await.unwrap().id()
    }
}

fn decision(step: Step, told: Told) -> Decision {
    let reason = (step == Step::Refuse).then(|| "đang chống lũ ở Pa Ủ".to_owned());
    Decision { step, told, reason }
}

#[tokio::test]
async fn another_forces_unit_is_asked_for_and_its_own_duty_officer_agrees_by_key() {
    let room = Room::new().await;
    let (incident, unit) = (room.report("other", 103.0, 22.0).await, room.unit_of("CA", "police").await);
    let asked = room.desk.assign(&room.seen(incident), incident, unit).await.unwrap();
    assert!(!asked.queued);
    let order = asked.assignment.unwrap();
    assert_eq!(
        (room.order(order, "state"), room.order(order, "by_force")),
        (json!("requested"), json!("border_guard"))
    );
    assert_eq!((room.unit(unit, "status"), room.unit(unit, "incident_id")), (json!("available"), Value::Null));
    assert_eq!(room.incident(incident, "requested_unit_ids"), json!([unit.to_string()]));
    assert_eq!(room.incident(incident, "support_forces"), json!(["police"]));
    assert_eq!(room.property(Collection::Alarms, room.alarm("support_requested"), "force"), "police");
    // Whoever asks does not answer, but for what they were told; a telephone in the field does neither.
    let agree = |told| decision(Step::Agree, told);
    let by = |actor: Actor| Ask::by(actor);
    refused(room.desk.decide_assignment(&by(officer()), order, agree(Told::default())).await, Code::Forbidden);
    let army = Actor::new("truc.qs", Role::DutyOfficer, Some(Force::Military));
    refused(
        room.desk.decide_assignment(&by(army.clone()), order, agree(told("phone", "ai đó"))).await,
        Code::Forbidden,
    );
    refused(room.desk.decide_assignment(&by(field_unit(unit)), order, agree(Told::default())).await, Code::Forbidden);
    room.desk.decide_assignment(&by(police()), order, agree(Told::default())).await.unwrap();
    assert_eq!((room.order(order, "state"), room.order(order, "agreed_by")), (json!("dispatched"), json!("truc.ca")));
    assert_eq!(room.incident(incident, "unit_ids"), json!([unit.to_string()]));
    assert_eq!(room.incident(incident, "requested_unit_ids"), Value::Null);
    assert!(room.alarms().is_empty());
    // A third force has no word on behalf of it; whoever asked has.
    let ack = StepReport { step: Step::Acknowledge, told: told("radio", "Trung"), reason: None };
    refused(room.desk.step_assignment(&by(army), order, ack.clone()).await, Code::Forbidden);
    room.desk.step_assignment(&by(officer()), order, ack).await.unwrap();
    assert_eq!(room.order(order, "steps")[2]["told_by"], "Trung");
}

#[tokio::test]
async fn an_answer_by_telephone_says_whose_it_is_and_a_refusal_says_why() {
    let room = Room::new().await;
    let incident = room.report("other", 103.0, 22.0).await;
    let [one, two] = [room.unit_of("CA1", "police").await, room.unit_of("CA2", "police").await];
    for unit in [one, two] {
        room.desk.assign(&room.seen(incident), incident, unit).await.unwrap();
    }
    let [first, second] = [one, two].map(|unit| room.order_of(incident, unit));
    room.clock.go_s(120);
    let nobody = Told { source: Some("phone".into()), told_by: None };
    let ask = Ask::by(officer());
    refused(room.desk.decide_assignment(&ask, first, decision(Step::Agree, nobody)).await, Code::MissingField);
    let then = Ask::by(officer()).at(at(60));
    room.desk.decide_assignment(&then, first, decision(Step::Agree, told("phone", "Thượng tá Dũng"))).await.unwrap();
    let agreed = ["agreed_by", "agreed_at", "state"].map(|name| room.order(first, name));
    assert_eq!(agreed, [json!("Thượng tá Dũng"), json!(at(60).to_string()), json!("dispatched")]);
    let mute = Decision { step: Step::Refuse, told: Told::default(), reason: None };
    refused(room.desk.decide_assignment(&Ask::by(police()), second, mute).await, Code::MissingField);
    room.desk.decide_assignment(&Ask::by(police()), second, decision(Step::Refuse, Told::default())).await.unwrap();
    assert_eq!(
        (room.order(second, "state"), room.order(second, "decline_reason")),
        (json!("declined"), json!("đang chống lũ ở Pa Ủ"))
    );
    assert_eq!(room.alarms(), ["support_refused"]);
    assert_eq!(room.property(Collection::Alarms, room.alarm("support_refused"), "force"), "border_guard");
    let ask = Ask::by(police());
    let too_late = room.desk.decide_assignment(&ask, second, decision(Step::Agree, Told::default())).await;
    refused(too_late, Code::ForbiddenTransition);
}

#[tokio::test]
async fn a_request_that_nobody_answers_is_told_once_and_can_still_be_answered() {
    let room = Room::new().await;
    let (incident, unit) = (room.report("other", 103.0, 22.0).await, room.unit_of("CA", "police").await);
    let order = room.desk.assign(&room.seen(incident), incident, unit).await.unwrap().assignment.unwrap();
    room.clock.go_s(300);
    room.turn(order).await;
    room.turn(order).await;
    assert_eq!(room.alarms(), ["support_requested", "support_unanswered"]);
    assert_eq!(room.order(order, "state"), "requested");
    // The unit went on a job of its own meanwhile: it is agreed to, and waits.
    let fire = Report { place: point(103.0, 22.0), properties: object(json!({"kind": "fire"})) };
    let own = room.desk.report(&Ask::by(police()), fire).await.unwrap().written.id();
    let seen = Ask::by(police()).if_match(room.version(Collection::Incidents, own));
    room.desk.assign(&seen, own, unit).await.unwrap();
    room.desk.decide_assignment(&Ask::by(police()), order, decision(Step::Agree, Told::default())).await.unwrap();
    assert_eq!((room.order(order, "state"), room.alarms()), (json!("queued"), vec![]));
    assert_eq!(room.incident(incident, "queued_unit_ids"), json!([unit.to_string()]));
}

#[tokio::test]
async fn a_request_is_taken_back_by_whoever_asked_and_ends_with_its_incident() {
    let room = Room::new().await;
    let incident = room.report("other", 103.0, 22.0).await;
    let [one, two] = [room.unit_of("CA1", "police").await, room.unit_of("CA2", "police").await];
    for unit in [one, two] {
        room.desk.assign(&room.seen(incident), incident, unit).await.unwrap();
    }
    room.desk.release(&room.seen(incident), incident, one).await.unwrap();
    assert_eq!(room.order(room.order_of(incident, one), "state"), "cancelled");
    room.verb(incident, IncidentVerb::Reject { reason: "báo nhầm".into() }).await.unwrap();
    assert_eq!(room.order(room.order_of(incident, two), "state"), "cancelled");
    assert_eq!((room.incident(incident, "requested_unit_ids"), room.alarms()), (Value::Null, vec![]));
}

#[tokio::test]
async fn the_joint_duty_room_orders_every_forces_unit() {
    let room = Room::new().await;
    let (incident, unit) = (room.report("other", 103.0, 22.0).await, room.unit_of("QS", "military").await);
    let joint = Actor::new("truc.tinh", Role::DutyOfficer, None);
    let seen = Ask::by(joint).if_match(room.version(Collection::Incidents, incident));
    let order = room.desk.assign(&seen, incident, unit).await.unwrap().assignment.unwrap();
    assert_eq!((room.order(order, "state"), room.order(order, "by_force")), (json!("dispatched"), Value::Null));
}

#[tokio::test]
async fn a_proposal_orders_nobody_until_a_duty_officer_does() {
    let room = Room::new().await;
    let (incident, unit) = (room.report("other", 103.0, 22.0).await, room.unit_at("A", 103.0, 22.0).await);
    let order = room.desk.assign(&room.seen(incident), incident, proposal(unit)).await.unwrap().assignment.unwrap();
    assert_eq!((room.order(order, "state"), room.unit(unit, "status")), (json!("proposed"), json!("available")));
    refused(room.says(unit, order, Step::Acknowledge).await, Code::ForbiddenTransition);
    room.desk.decide_assignment(&Ask::by(officer()), order, decision(Step::Dispatch, Told::default())).await.unwrap();
    assert_eq!((room.order(order, "state"), room.unit(unit, "status")), (json!("dispatched"), json!("dispatched")));
    assert_eq!(room.order_of(incident, unit), order);
}

#[tokio::test]
async fn distress_calls_until_a_named_person_takes_it_and_no_unit_clears_it() {
    let room = Room::new().await;
    let (_, unit, order) = room.sent_to("other").await;
    let own = |status: &str| StatusReport { status: status.into(), source: None };
    let ask = Ask::by(field_unit(unit));
    room.desk.set_status(&ask, unit, own("distress")).await.unwrap();
    room.clock.go_s(5);
    room.desk.set_status(&ask, unit, own("distress")).await.unwrap();
    assert_eq!(room.alarms(), ["distress"], "who calls twice is one who calls");
    let call = room.alarm("distress");
    refused(room.desk.acknowledge_alarm(&ask, call).await, Code::Forbidden);
    // Its steps go on; none of them takes the call away, whoever tells them.
    room.says(unit, order, Step::OnScene).await.unwrap();
    assert_eq!((room.unit(unit, "status"), room.order(order, "state")), (json!("distress"), json!("on_scene")));
    room.says(unit, order, Step::Clear).await.unwrap();
    assert_eq!(room.unit(unit, "status"), "distress");
    refused(room.desk.set_status(&ask, unit, own("available")).await, Code::ForbiddenTransition);
    let taken = room.desk.acknowledge_alarm(&Ask::by(officer()), call).await.unwrap();
    assert_eq!(taken.record.property("acknowledged_by"), Some(json!("duty_officer")));
    assert_eq!(room.alarms(), ["distress"], "it stands until the unit is safe");
    let second = room.desk.acknowledge_alarm(&Ask::by(police()), call).await.unwrap();
    assert!(second.changes.is_empty(), "the first who took it has it");
    room.clock.go_s(60);
    room.status(unit, "available").await.unwrap();
    assert!(room.alarms().is_empty());
}

#[tokio::test]
async fn a_distress_call_that_comes_late_still_calls() {
    let room = Room::new().await;
    let unit = room.unit_at("A", 103.0, 22.0).await;
    room.clock.go_s(600);
    room.status(unit, "on_patrol").await.unwrap();
    let report = StatusReport { status: "distress".into(), source: None };
    room.desk.set_status(&Ask::by(field_unit(unit)).at(at(60)), unit, report).await.unwrap();
    assert_eq!((room.unit(unit, "status"), room.alarms()), (json!("on_patrol"), vec!["distress".to_owned()]));
    room.desk.acknowledge_alarm(&Ask::by(officer()), room.alarm("distress")).await.unwrap();
    assert!(room.alarms().is_empty(), "taken, and the unit is not in distress any more");
}

#[tokio::test]
async fn records_of_verbs_are_not_written_by_hand() {
    let room = Room::new().await;
    let (_, _, order) = room.sent_to("other").await;
    let item = || Item { geometry: None, properties: object(json!({})) };
    for collection in [Collection::Assignments, Collection::Alarms] {
        refused(room.desk.create(&Ask::by(officer()), collection, None, item()).await, Code::MethodNotAllowed);
    }
    let seen = Ask::by(officer()).if_match(1);
    refused(room.desk.replace(&seen, Collection::Assignments, order, item()).await, Code::MethodNotAllowed);
    refused(room.desk.end(&seen, Collection::Assignments, order, None).await, Code::MethodNotAllowed);
}

#[tokio::test]
async fn the_watch_takes_back_what_was_due_while_the_server_was_down() {
    let room = Room::new().await;
    let (_, unit, order) = room.sent_to("other").await;
    room.clock.go_s(3_600);
    let (_leads, leads) = tokio::sync::watch::channel(true);
    let stop = tokio_util::sync::CancellationToken::new();
    let desk = room.desk.clone().with_timers(Timers::default());
    let task = trucban::watch::start(desk, leads, stop.clone());
    for _ in 0..400 {
        if room.order(order, "state") == "timed_out" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    stop.cancel();
    task.await.unwrap();
    assert_eq!((room.order(order, "state"), room.unit(unit, "status")), (json!("timed_out"), json!("available")));
}

//! Every route, once. The OpenAPI document is made from the same list.

use axum::Router;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::front::Front;
use super::{
    accounts, advice, around, assignments, attachments, audit, authority, border_levels, coordination, course, cut_off,
    devices, disasters, docs, duty_log, ends, evacuation, exercises, feed, grants, health, imports, incidents, inside,
    items, landing, levels, me, oidc, organisations, pages, patrols, places, rain, rain_grids, records, report_files,
    report_steps, reports, roads, session, setup, shifts, silence, statistics, terrain, tiles, tips, units,
    units_inside, warnings,
};

/// Answers smaller than this are sent as they are: on this machine packing costs more than it saves.
const PACKED_BYTES_MIN: u64 = 8 * 1_024;

/// The routes that the OpenAPI document describes.
pub fn api() -> OpenApiRouter<App> {
    let packed = CompressionLayer::new().compress_when(SizeAbove::new(PACKED_BYTES_MIN));
    OpenApiRouter::with_openapi(docs::preamble())
        .merge(accounts_and_grants())
        .merge(tips())
        .merge(records_and_verbs().layer(packed))
        .merge(hot())
}

/// Routes that are asked often or for long: nothing stands between them and the front.
fn hot() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(around::nearby))
        .routes(routes!(units::take_fixes))
        .routes(routes!(feed::subscribe))
        .routes(routes!(tiles::read_tile))
        .routes(routes!(attachments::tus::options, attachments::tus::create))
        .routes(routes!(attachments::tus::read_upload, attachments::tus::append, attachments::tus::terminate))
        .routes(routes!(attachments::read_content))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::figures))
}

fn records_and_verbs() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(landing::landing))
        .routes(routes!(landing::conformance))
        .routes(routes!(landing::list_collections))
        .routes(routes!(landing::read_collection))
        .routes(routes!(landing::read_queryables))
        .routes(routes!(landing::read_schema))
        .routes(routes!(items::list_items, records::create_item))
        .routes(routes!(items::read_item, records::replace_item, records::patch_item, records::end_item))
        .routes(routes!(incidents::report_incident))
        .routes(routes!(incidents::run_verb))
        .routes(routes!(incidents::read_log))
        .routes(routes!(incidents::list_similar))
        .routes(routes!(places::locate))
        .routes(routes!(assignments::assign_unit))
        .routes(routes!(assignments::release_unit))
        .routes(routes!(rain::take_rain))
        .routes(routes!(rain::gauge_rain))
        .routes(routes!(rain_grids::list_rain_grids, rain_grids::take_rain_grid))
        .routes(routes!(rain_grids::withdraw_rain_grid))
        .routes(routes!(levels::set_level))
        .routes(routes!(levels::zone_levels))
        .routes(routes!(border_levels::read_border_levels))
        .routes(routes!(border_levels::propose_level))
        .routes(routes!(border_levels::decide_level))
        .routes(routes!(advice::recommend))
        .routes(routes!(advice::followed_advice))
        .routes(routes!(course::step_assignment))
        .routes(routes!(course::decide_assignment))
        .routes(routes!(course::hear_of_unit))
        .routes(routes!(course::acknowledge_alarm))
        .routes(routes!(patrols::plan_patrol))
        .routes(routes!(patrols::step_patrol))
        .routes(routes!(patrols::decide_patrol))
        .routes(routes!(units::set_status))
        .routes(routes!(units::set_position))
        .routes(routes!(imports::import_file))
        .routes(routes!(imports::read_report))
        .routes(routes!(imports::undo_import))
        .routes(routes!(ends::end_zone))
        .routes(routes!(ends::approve_zone))
        .routes(routes!(silence::read_silence))
        .routes(routes!(silence::tell_call))
        .routes(routes!(shifts::read_handover))
        .routes(routes!(shifts::begin_shift))
        .routes(routes!(shifts::run_shift_verb))
        .routes(routes!(coordination::ask_force))
        .routes(routes!(coordination::run_request_verb))
        .routes(routes!(coordination::run_decision_verb))
        .routes(routes!(coordination::run_plan_verb))
        .routes(routes!(coordination::check_plan_item))
        .routes(routes!(units_inside::units_inside))
        .routes(routes!(ends::log_done))
        .routes(routes!(disasters::read_due))
        .routes(routes!(disasters::read_draft))
        .routes(routes!(disasters::send_report))
        .routes(routes!(duty_log::search_log))
        .routes(routes!(evacuation::report_evacuation))
        .routes(routes!(evacuation::withdraw_evacuation))
        .routes(routes!(evacuation::tell_outsiders))
        .routes(routes!(inside::read_inside))
        .routes(routes!(inside::list_evacuees))
        .routes(routes!(inside::plan_evacuation))
        .routes(routes!(warnings::warn))
        .routes(routes!(warnings::run_warning_verb))
        .routes(routes!(warnings::read_cap))
        .routes(routes!(warnings::read_atom))
        .routes(routes!(around::within))
        .routes(routes!(around::along))
        .routes(routes!(around::exposure))
        .routes(routes!(terrain::look_at_ground))
        .routes(routes!(places::search))
        .routes(routes!(roads::find_route))
        .routes(routes!(roads::find_table))
        .routes(routes!(roads::find_reach))
        .routes(routes!(cut_off::cut_off, cut_off::try_cut_off))
        .routes(routes!(attachments::withdraw_attachment))
        .routes(routes!(audit::read_audit))
        .routes(routes!(exercises::list_exercises, exercises::begin_exercise))
        .routes(routes!(exercises::read_exercise))
        .routes(routes!(exercises::give_inject))
        .routes(routes!(exercises::judge_exercise))
        .routes(routes!(exercises::end_exercise))
        .routes(routes!(reports::read_quarter))
        .routes(routes!(reports::list_quarter_rows))
        .routes(routes!(report_steps::step_report))
        .routes(routes!(report_steps::state_figure))
        .routes(routes!(report_steps::agree_figure))
        .routes(routes!(report_files::read_quarter_file))
        .routes(routes!(statistics::read_statistics))
}

/// Who may come in, and what is shared with them.
fn accounts_and_grants() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(authority::read_authority))
        .routes(routes!(session::read_session, session::sign_in, session::sign_out))
        .routes(routes!(oidc::begin_oidc))
        .routes(routes!(oidc::end_oidc))
        .routes(routes!(setup::set_up))
        .routes(routes!(me::list_sessions, me::end_sessions))
        .routes(routes!(me::end_session))
        .routes(routes!(me::change_password))
        .routes(routes!(me::list_tokens, me::add_token))
        .routes(routes!(me::revoke_token))
        .routes(routes!(accounts::list_accounts, accounts::add_account))
        .routes(routes!(accounts::change_account))
        .routes(routes!(accounts::reset_account))
        .routes(routes!(organisations::list_organisations))
        .routes(routes!(organisations::put_organisation))
        .routes(routes!(devices::list_devices, devices::give_code))
        .routes(routes!(devices::enrol))
        .routes(routes!(devices::revoke_device))
        .routes(routes!(grants::list_grants, grants::share))
        .routes(routes!(grants::revoke_grant))
        .routes(routes!(grants::break_glass))
}

/// Informants and what they told.
fn tips() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(tips::intake::read_intake, tips::intake::take_tip))
        .routes(routes!(tips::intake::follow_up))
        .routes(routes!(tips::desk::list_tips))
        .routes(routes!(tips::desk::read_figures))
        .routes(routes!(tips::desk::change_tip))
        .routes(routes!(tips::desk::answer_tip))
        .routes(routes!(tips::desk::promote_tip))
        .routes(routes!(tips::unsealing::list_unsealings))
        .routes(routes!(tips::unsealing::confirm_unsealing))
        .routes(routes!(tips::unsealing::ask_to_unseal))
        .routes(routes!(tips::unsealing::unseal))
}

/// Everything that is served.
#[must_use]
pub fn front(app: App) -> Front {
    let (routes, _) = api().split_for_parts();
    let router: Router = routes
        .route("/api/openapi.json", axum::routing::get(docs::openapi_json))
        .route("/api/docs", axum::routing::get(docs::page))
        .route("/api/docs/page.css", axum::routing::get(docs::style))
        .route("/api/docs/reader.js", axum::routing::get(docs::script))
        .merge(pages::pages(app.settings().public_tips))
        .with_state(app.clone());
    Front::new(app, router)
}

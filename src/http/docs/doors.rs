//! What the document says of every door without a word in its handler: how one comes in, and which problems it may
//! answer by what it asks for and takes. A handler names the others, which are of its own matter.

use serde_json::{Value, json};

use super::super::SESSION_COOKIE;
use crate::domain::doors::{Asks, DOORS};

/// How one comes in, by the names that operations refer to.
pub fn ways_in() -> Value {
    json!({
        "token": {"type": "http", "scheme": "bearer", "description": "Token of a program or a device."},
        "session": {
            "type": "apiKey", "in": "cookie", "name": SESSION_COOKIE,
            "description": "A browser's, set by signing in; its name begins with `__Host-` where HTTPS is spoken.",
        },
    })
}

/// Completes what an operation says of itself. `method` is in small letters, as the document has it; `schemas` are
/// those of the document.
pub fn complete(path: &str, method: &str, operation: &mut Value, schemas: &Value) {
    let asks = DOORS.iter().find(|(m, p, _)| m.eq_ignore_ascii_case(method) && *p == path).map(|(_, _, asks)| *asks);
    operation["security"] = security(asks);
    let problems = problems_of(method, operation, asks);
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for status in problems {
        responses.entry(status.to_string()).or_insert_with(|| json!({"$ref": "#/components/responses/Problem"}));
    }
    // Where a handler says which problem it is, the answer has the shape of all of them.
    for (status, response) in responses {
        if status.as_str() >= "400" && response.get("$ref").is_none() && response.get("content").is_none() {
            response["content"] = problem_content();
        }
    }
    // A body of which no member is needed may be left out.
    if operation.get("requestBody").is_some() && needs_nothing(&operation["requestBody"], schemas) {
        operation["requestBody"]["required"] = false.into();
    }
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten().filter(|parameter| parameter["in"] == "query") {
        let schema = &mut parameter["schema"];
        // How wide a number the handler keeps is no promise: beyond it the value is refused, or taken as the greatest.
        if schema["type"].to_string().contains("integer")
            && let Some(schema) = schema.as_object_mut()
        {
            schema.remove("format");
        }
    }
}

fn needs_nothing(body: &Value, schemas: &Value) -> bool {
    let schema = &body["content"]["application/json"]["schema"];
    let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    let schema = name.map_or(schema, |name| &schemas[name]);
    schema["type"] == "object" && schema.get("required").is_none()
}

/// The answer of every problem, for the document's components.
pub fn problem_response() -> Value {
    json!({"description": "A problem (RFC 9457)", "content": problem_content()})
}

fn problem_content() -> Value {
    json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}})
}

fn names_collections(parameter: &Value) -> bool {
    parameter["name"].as_str().is_some_and(|name| name.starts_with("collection"))
}

fn security(asks: Option<Asks>) -> Value {
    match asks {
        None | Some(Asks::Nothing) => json!([]),
        Some(Asks::Public(_)) => json!([{}, {"token": []}, {"session": []}]),
        Some(Asks::Session) => json!([{"session": []}]),
        Some(Asks::Account | Asks::Deed(_) | Asks::Edit | Asks::Verb) => json!([{"token": []}, {"session": []}]),
    }
}

/// Statuses that follow from what a door asks for and takes.
fn problems_of(method: &str, operation: &Value, asks: Option<Asks>) -> Vec<u16> {
    let parameters = || operation["parameters"].as_array().into_iter().flatten();
    let takes = |place: &str| parameters().any(|parameter| parameter["in"] == place);
    let mut statuses = vec![
        400, // what was sent cannot be read
        403, // a host that is not served; a deed that is not the actor's
        503, // still loading, or no place left
    ];
    if !matches!(asks, None | Some(Asks::Nothing)) {
        statuses.extend([401, 429]);
    }
    let names_something = |parameter: &Value| {
        let place = &parameter["in"];
        *place == "path"
            || *place == "query" && (names_collections(parameter) || parameter["schema"]["format"] == "uuid")
    };
    if parameters().any(names_something) {
        statuses.push(404);
    }
    if takes("query") {
        statuses.push(422);
    }
    if parameters().any(|parameter| parameter["name"] == "Idempotency-Key") {
        // Somebody else was faster; the key was used for another body.
        statuses.extend([412, 422]);
        if takes("path") {
            statuses.push(409); // the record's state does not allow it
        }
    }
    if operation.get("requestBody").is_some() {
        statuses.extend([413, 415, 422]);
    }
    if let Some(if_match) = parameters().find(|parameter| parameter["name"] == "If-Match") {
        statuses.push(412);
        if if_match["required"] == true {
            statuses.push(428);
        }
    }
    if method != "get" {
        statuses.push(507);
        if parameters().any(names_collections) {
            statuses.push(405); // a collection that verbs alone write
        }
    }
    statuses
}

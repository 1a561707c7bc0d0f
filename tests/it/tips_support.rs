//! A duty room that takes tips in: its accounts, its key, and what they do in one line.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::http_support::{Caller, Server, done};

/// What opens the key of the handler `mua`, and that of the deputy `thu`.
pub const PASSPHRASE: &str = "sương tan trên đỉnh Pu Ta Leng";
pub const DEPUTYS: &str = "chợ phiên San Thàng họp sớm";
/// A commune of the shipped ground.
pub const COMMUNE: &str = "03433";

/// A server with a key for tips and those who have to do with them.
pub struct Room {
    pub server: Server,
    pub admin: Caller,
    pub officer: Caller,
    pub handler: Caller,
    pub deputy: Caller,
    pub commander: Caller,
}

impl Room {
    pub async fn open(server: Server) -> Self {
        let admin = server.first_admin().await;
        let account = |name: &'static str, role: &'static str, force: Option<&'static str>| {
            server.account(&admin, name, json!({"role": role, "force": force}))
        };
        let officer = account("truc", "duty_officer", Some("police")).await;
        let handler = account("mua", "tip_handler", Some("police")).await;
        let deputy = account("thu", "tip_handler", None).await;
        let commander = account("chihuy", "commander", None).await;
        let holders = [("mua", PASSPHRASE), ("thu", DEPUTYS)].map(|(name, text)| (name.to_owned(), text.to_owned()));
        server.tips().make_key(&holders, false).unwrap();
        Self { admin, officer, handler, deputy, commander, server }
    }

    /// Takes a tip in; code and passphrase of its informant.
    pub async fn take(&self, body: Value) -> Value {
        done(self.officer.post("/api/tip", body).await, StatusCode::CREATED).await
    }

    pub async fn tips(&self) -> Vec<Value> {
        self.handler.read("/api/tips").await["tips"].as_array().unwrap().clone()
    }

    /// The only tip.
    pub async fn only(&self) -> Value {
        let tips = self.tips().await;
        assert_eq!(tips.len(), 1, "{tips:?}");
        tips[0].clone()
    }

    pub async fn change(&self, tip: &Value, body: Value) -> Response {
        self.write(tip, Method::PATCH, "", body).await
    }

    pub async fn promote(&self, tip: &Value, body: Value) -> Response {
        self.write(tip, Method::POST, "/promote", body).await
    }

    async fn write(&self, tip: &Value, method: Method, verb: &str, body: Value) -> Response {
        let path = format!("/api/tips/{}{verb}", tip["id"].as_str().unwrap());
        self.handler.write(method, &path, tip["version"].as_u64().unwrap(), body).await
    }

    /// `by` asks to open a tip; the question.
    pub async fn ask_to_open(&self, by: &Caller, tip: &Value) -> Value {
        let path = format!("/api/tips/{}/unsealings", tip["id"].as_str().unwrap());
        done(by.post(&path, json!({"reason": "xác minh nguồn tin"})).await, StatusCode::CREATED).await
    }

    /// Somebody agrees that a tip is opened.
    pub async fn agree(&self, by: &Caller, asked: &Value) -> Response {
        by.post(&format!("/api/tips/unsealings/{}/confirm", asked["id"].as_str().unwrap()), json!({})).await
    }

    /// `by` opens a tip with this passphrase.
    pub async fn unseal(&self, by: &Caller, tip: &Value, passphrase: &str) -> Response {
        let path = format!("/api/tips/{}/unseal", tip["id"].as_str().unwrap());
        by.post(&path, json!({"passphrase": passphrase})).await
    }

    /// Asked by the handler, agreed to by the commander, opened.
    pub async fn opened(&self, tip: &Value) -> Value {
        let asked = self.ask_to_open(&self.handler, tip).await;
        done(self.agree(&self.commander, &asked).await, StatusCode::OK).await;
        done(self.unseal(&self.handler, tip, PASSPHRASE).await, StatusCode::OK).await
    }
}

/// The informant's way back, with whatever is added to it.
pub fn way_back(taken: &Value, more: &Value) -> Value {
    let mut body = json!({"code": taken["code"], "passphrase": taken["passphrase"]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

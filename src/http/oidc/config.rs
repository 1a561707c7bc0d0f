//! The section `[oidc]` of the configuration file.

use std::path::PathBuf;

use anyhow::{Context, bail};
use openidconnect::{ClientId, ClientSecret, IssuerUrl, Scope};
use serde::Deserialize;

use crate::domain::access::{Area, FORCES};
use crate::domain::openid::{Mapping, Rights, Rule};
use crate::domain::{Force, Role};
use crate::http::accounts::check_area;
use crate::picture::View;

/// The section as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcSection {
    /// What stands on the button.
    name: String,
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: Option<ClientSecret>,
    /// Holds the secret, so that the configuration may be read by others.
    client_secret_file: Option<PathBuf>,
    /// Beside `openid`.
    #[serde(default = "usual_scopes")]
    scopes: Vec<Scope>,
    /// The claim with somebody's groups or roles.
    role_claim: String,
    /// The claim that new accounts are named after.
    #[serde(default = "usual_name_claim")]
    name_claim: String,
    /// Whom to ask when no rule fits.
    contact: Option<String>,
    /// What the values of the claim give; the first that fits counts.
    map: Vec<MapRow>,
}

/// What one value of the claim gives.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MapRow {
    value: String,
    role: String,
    force: Option<String>,
    /// Codes of communes and ids of border sectors; the province if left out.
    #[serde(default)]
    areas: Vec<String>,
}

/// The section, checked.
#[derive(Clone, Debug)]
pub struct OidcConfig {
    pub name: String,
    pub issuer: IssuerUrl,
    pub client_id: ClientId,
    pub client_secret: Option<ClientSecret>,
    pub scopes: Vec<Scope>,
    pub contact: Option<String>,
    pub mapping: Mapping,
}

fn usual_scopes() -> Vec<Scope> {
    vec![Scope::new("profile".to_owned())]
}

fn usual_name_claim() -> String {
    "preferred_username".to_owned()
}

impl OidcConfig {
    /// Reads the section from its TOML text.
    ///
    /// # Errors
    /// As [`OidcConfig::check`].
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        Self::check(toml::from_str(text)?)
    }

    /// Checks the section, and reads the secret from its file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(section: OidcSection) -> anyhow::Result<Self> {
        let OidcSection { name, issuer, client_id, scopes, role_claim, name_claim, contact, map, .. } = section;
        if !is_safe(&issuer) {
            bail!("[oidc] issuer: {} is neither https nor on this machine", issuer.as_str());
        }
        if map.is_empty() {
            bail!("[oidc] map: no value of {role_claim:?} gives a role, so nobody could come in");
        }
        let client_secret = match (section.client_secret, section.client_secret_file) {
            (Some(_), Some(_)) => bail!("[oidc] client_secret and client_secret_file exclude each other"),
            (Some(secret), None) => Some(secret),
            (None, Some(file)) => {
                let text = std::fs::read_to_string(&file)
                    .with_context(|| format!("[oidc] client_secret_file: cannot read {}", file.display()))?;
                Some(ClientSecret::new(text.trim().to_owned()))
            }
            (None, None) => None,
        };
        let rules = map.into_iter().map(rule).collect::<anyhow::Result<_>>()?;
        let mapping = Mapping { role_claim, name_claim, rules };
        Ok(Self { name, issuer, client_id, client_secret, scopes, contact, mapping })
    }

    /// Checks the areas of the map against the ground that was loaded: whoever came in by a mistyped code would see
    /// nothing, and nobody would know why.
    ///
    /// # Errors
    /// Which rule names what is not there.
    pub fn check_areas(&self, view: &View) -> anyhow::Result<()> {
        for Rule { value, rights } in &self.mapping.rules {
            if let Err(problem) = check_area(&rights.area, view) {
                bail!("[oidc] map {value:?}, areas: {}\n{}", problem.detail_en, problem.detail_vi);
            }
        }
        Ok(())
    }
}

/// Whether nobody on the way can read or change what the provider says.
fn is_safe(issuer: &IssuerUrl) -> bool {
    let url = issuer.url();
    let is_here = || {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here())
}

fn rule(row: MapRow) -> anyhow::Result<Rule> {
    let MapRow { value, role, force, areas } = row;
    let role = named("role", &value, &role, Role::parse, &Role::ALL.map(Role::as_str))?;
    let force = force.map(|name| named("force", &value, &name, Force::parse, FORCES)).transpose()?;
    let area = Area::of_codes(areas.iter().map(String::as_str));
    Ok(Rule { value, rights: Rights { role, force, area } })
}

/// What the setting `what` of the rule for `value` names.
fn named<T>(
    what: &str,
    value: &str,
    name: &str,
    parse: impl Fn(&str) -> Option<T>,
    allowed: &[&str],
) -> anyhow::Result<T> {
    let wrong = || format!("[oidc] map {value:?}, {what}: {name:?} is none of {}", allowed.join(", "));
    parse(name).with_context(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        name = "Cổng tỉnh"
        issuer = "https://id.laichau.example"
        client_id = "trucban"
        client_secret = "not for the log"
        role_claim = "groups"
        contact = "phòng công nghệ thông tin"
        [[map]]
        value = "truc-ban"
        role = "duty_officer"
        force = "police"
        areas = ["03388", "019a4b2c-0000-7000-8000-000000000001"]
        [[map]]
        value = "chi-huy"
        role = "commander"
    "#;

    #[test]
    fn a_section_becomes_rules_in_its_order_and_never_shows_its_secret() {
        let config = OidcConfig::parse(GOOD).unwrap();
        assert_eq!(config.mapping.rules.len(), 2);
        let Area::Parts { communes, sectors } = &config.mapping.rules[0].rights.area else { panic!("parts") };
        assert_eq!((communes.len(), sectors.len()), (1, 1));
        assert_eq!(config.mapping.rules[1].rights.area, Area::Province);
        assert!(!format!("{config:?}").contains("not for the log"));
    }

    #[test]
    fn a_section_that_would_let_in_nobody_or_the_wrong_ones_is_refused() {
        for (wrong, from, to) in [
            ("not encrypted", "https://id.laichau.example", "http://id.laichau.example"),
            ("not an address", "https://id.laichau.example", "id.laichau.example"),
            ("a role that no account has", "duty_officer", "system"),
            ("no such force", "\"police\"", "\"polis\""),
            ("no such setting", "role_claim", "roles_claim"),
            ("two secrets", "client_id = ", "client_secret_file = \"x\"\nclient_id = "),
        ] {
            assert!(OidcConfig::parse(&GOOD.replace(from, to)).is_err(), "{wrong}");
        }
        assert!(OidcConfig::parse(GOOD.split("[[map]]").next().unwrap()).is_err(), "no rules");
        for here in ["http://127.0.0.1:4000", "http://[::1]:4000/realm", "http://localhost:1"] {
            assert!(OidcConfig::parse(&GOOD.replace("https://id.laichau.example", here)).is_ok(), "{here}");
        }
    }
}

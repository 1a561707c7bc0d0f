//! Where a request comes from, and whether it came encrypted: what the acceptor of the connection knows, and what a
//! proxy in front of the server says if the configuration trusts it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use super::{SECURE_SESSION_COOKIE, SESSION_COOKIE};

/// The other end of a connection. Put into each request by the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    pub address: IpAddr,
    pub is_encrypted: bool,
}

impl Default for Peer {
    /// Somebody on this machine.
    fn default() -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::LOCALHOST), is_encrypted: false }
    }
}

impl Peer {
    /// The one for whom a trusted proxy speaks: the last address that it appended. What stands before that was sent
    /// by the client and may be anything.
    #[must_use]
    pub fn behind_proxy(self, headers: &HeaderMap) -> Self {
        let last = |name: &str| {
            let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
            value.rsplit(',').next().map(|last| last.trim().to_owned())
        };
        Self {
            address: last("x-forwarded-for").and_then(|text| text.parse().ok()).unwrap_or(self.address),
            is_encrypted: last("x-forwarded-proto").map_or(self.is_encrypted, |text| text == "https"),
        }
    }

    /// The scheme under which the server was asked.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        if self.is_encrypted { "https" } else { "http" }
    }

    /// Name of the cookie that a browser signs in with.
    #[must_use]
    pub fn session_cookie(self) -> &'static str {
        if self.is_encrypted { SECURE_SESSION_COOKIE } else { SESSION_COOKIE }
    }

    /// The address as attempts are counted by it: whoever has one IPv6 address has the 2⁶⁴ beside it.
    #[must_use]
    pub fn counted_address(self) -> IpAddr {
        match self.address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
            address @ IpAddr::V4(_) => address,
        }
    }
}

/// The peer of this request, as the front found it.
#[must_use]
pub fn peer_of(parts: &Parts) -> Peer {
    parts.extensions.get::<Peer>().copied().unwrap_or_default()
}

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(peer_of(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_believed_in_what_it_appended_itself() {
        let mut headers = HeaderMap::new();
        let plain = Peer { address: "10.0.0.1".parse().unwrap(), is_encrypted: false };
        assert_eq!(plain.behind_proxy(&headers), plain);
        headers.append("x-forwarded-for", "1.1.1.1, 192.168.7.7".parse().unwrap());
        headers.append("x-forwarded-for", "192.168.7.8".parse().unwrap());
        headers.append("x-forwarded-proto", "https".parse().unwrap());
        let told = plain.behind_proxy(&headers);
        assert_eq!((told.address.to_string().as_str(), told.scheme()), ("192.168.7.8", "https"));
        headers.append("x-forwarded-for", "nonsense".parse().unwrap());
        assert_eq!(plain.behind_proxy(&headers).address, plain.address);
    }

    #[test]
    fn neighbours_in_an_ipv6_network_count_as_one() {
        let counted = |text: &str| Peer { address: text.parse().unwrap(), is_encrypted: true }.counted_address();
        assert_eq!(counted("2001:db8:1:2:aaaa::1"), counted("2001:db8:1:2:ffff::9"));
        assert_ne!(counted("2001:db8:1:2::1"), counted("2001:db8:1:3::1"));
        assert_eq!(counted("::ffff:10.0.0.7"), counted("10.0.0.7"));
        assert_ne!(counted("10.0.0.7"), counted("10.0.0.8"));
    }
}

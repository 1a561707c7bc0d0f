//! An authority of the data folder's own: made once, kept in `DATA/tls/`, installed by telephones. It issues the
//! server's certificate, whose key is never written down, and another one long before that ends.
//!
//! Whoever installs an authority believes it about every site. Ours therefore says of itself that it holds for the
//! names it was made for, and for addresses of private networks, alone.

use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, crypto::CryptoProvider};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::provider;
use crate::domain::Timestamp;

/// The folder within the data folder.
const FOLDER: &str = "tls";
/// Key and certificate of the authority, for the owner of the folder alone.
const SECRET_FILE: &str = "authority.pem";
/// The certificate alone, for whoever wants to believe it; a path within the data folder.
pub const AUTHORITY_FILE: &str = "tls/ca.pem";
const CERTIFICATE_BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const DAY_S: i64 = 24 * 3_600;
/// Life of the authority. Telephones must install the next one by hand.
const AUTHORITY_LIFE_S: i64 = 3_650 * DAY_S;
/// Life of a server's certificate; iOS takes at most 825 days of an authority that was installed by hand.
const CERTIFICATE_LIFE_S: i64 = 90 * DAY_S;
/// A certificate so old is followed by the next one.
const CERTIFICATE_RENEWED_S: i64 = 30 * DAY_S;
/// Certificates begin so long before they are issued, since clocks of telephones are slow.
const BACKDATED_S: i64 = DAY_S;
/// Names of this machine, for which every certificate holds.
const OWN_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// Networks that are nobody's on the internet: an authority made at one address goes on holding when it changes.
const PRIVATE_NETWORKS: [(IpAddr, u8); 5] = [
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
];

/// What is installed by whoever shall believe the authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityCertificate {
    pub der: Vec<u8>,
    /// SHA-256 of it as people compare it: pairs of hexadecimal digits, a colon between them.
    pub fingerprint: String,
}

/// The authority, and for which names it issues.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    names: Vec<String>,
    secret_file: PathBuf,
    ends_at: Timestamp,
    /// When the certificate that is shown was issued.
    issued_at: Option<Timestamp>,
}

impl Authority {
    /// The authority of a data folder, made if it has none.
    ///
    /// # Errors
    /// A folder or file that cannot be used.
    pub fn open(data: &Path, hosts: &[String], now: Timestamp) -> anyhow::Result<Self> {
        let mut names = hosts.to_vec();
        names.extend(OWN_NAMES.map(str::to_owned).into_iter().filter(|own| !hosts.contains(own)));
        let folder = data.join(FOLDER);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let secret_file = folder.join(SECRET_FILE);
        let text = match fs::read_to_string(&secret_file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = make(&names, now)?;
                write_whole(&secret_file, &text, 0o600)?;
                tracing::info!(file = %secret_file.display(), "an authority for certificates was made");
                text
            }
            Err(error) => return Err(anyhow!(error).context(format!("cannot read {}", secret_file.display()))),
        };
        let damaged = || format!("{} is damaged", secret_file.display());
        let key = KeyPair::from_pem(&text).with_context(damaged)?;
        let certificate = CertificateDer::from_pem_slice(text.as_bytes()).with_context(damaged)?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key).with_context(damaged)?;
        let (_, read) = x509_parser::parse_x509_certificate(&certificate).with_context(damaged)?;
        let ends_at = Timestamp::from_ms(read.validity().not_after.timestamp() * 1_000);
        // The file holds the key first.
        let public = text.find(CERTIFICATE_BEGIN).map_or("", |at| &text[at..]);
        write_whole(&data.join(AUTHORITY_FILE), public, 0o644)?;
        Ok(Self { issuer, certificate, names, secret_file, ends_at, issued_at: None })
    }

    /// What telephones install.
    pub fn certificate(&self) -> AuthorityCertificate {
        let digest = Sha256::digest(&self.certificate);
        let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        AuthorityCertificate { der: self.certificate.to_vec(), fingerprint: pairs.join(":") }
    }

    /// A new certificate of the server if it is time for one.
    ///
    /// # Errors
    /// An authority that is over, or does not hold for one of the names.
    pub fn newer(&mut self, now: Timestamp) -> anyhow::Result<Option<CertifiedKey>> {
        // A clock that was set back is as good a reason as age.
        let is_fresh = |at: Timestamp| (0..CERTIFICATE_RENEWED_S).contains(&now.seconds_since(at));
        if self.issued_at.is_some_and(is_fresh) {
            return Ok(None);
        }
        if now >= self.ends_at {
            return Err(self.useless("its life is over"));
        }
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(self.names.clone())
            .with_context(|| format!("one of {:?} is no host name", self.names))?;
        params.distinguished_name.push(DnType::CommonName, self.names[0].as_str());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = (date(now, -BACKDATED_S)?, date(now, CERTIFICATE_LIFE_S)?);
        let issued = params.signed_by(&key, &self.issuer)?.der().clone();
        self.check(&issued, now)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let pair = CertifiedKey::from_der(vec![issued], key, &provider())?;
        self.issued_at = Some(now);
        Ok(Some(pair))
    }

    /// Whether somebody who believes the authority will believe this certificate, under each of the names.
    fn check(&self, issued: &CertificateDer<'_>, now: Timestamp) -> anyhow::Result<()> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let provider: Arc<CryptoProvider> = provider();
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
        let at = UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(now.as_ms()).unwrap_or_default()));
        for name in &self.names {
            let asked = ServerName::try_from(name.as_str()).with_context(|| format!("{name:?} is no host name"))?;
            verifier
                .verify_server_cert(issued, &[], &asked, &[], at)
                .map_err(|error| self.useless(&format!("{name}: {error}")))?;
        }
        Ok(())
    }

    /// What to do about an authority that cannot issue what is asked.
    fn useless(&self, why: &str) -> anyhow::Error {
        let file = self.secret_file.display();
        anyhow!(
            "the authority {file} does not hold ({why}): it was made for other names, or is over; move it away and \
             start again, and let telephones install the new one\n\
             cơ quan cấp chứng chỉ {file} không dùng được ({why}): nó được tạo cho tên khác hoặc đã hết hạn; chuyển \
             tệp đi rồi khởi động lại, và cài lại chứng chỉ trên điện thoại"
        )
    }
}

/// Key and certificate of a new authority, as PEM.
fn make(names: &[String], now: Timestamp) -> anyhow::Result<String> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    let [first, second] = rand::random::<[u8; 2]>();
    // A telephone shows this name in its list; the digits tell two authorities of one server apart.
    let common_name = format!("trucban {} {first:02X}{second:02X}", names[0]);
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees: permitted(names), excluded_subtrees: Vec::new() });
    (params.not_before, params.not_after) = (date(now, -BACKDATED_S)?, date(now, AUTHORITY_LIFE_S)?);
    let certificate = params.self_signed(&key)?;
    Ok(format!("{}{}", key.serialize_pem(), certificate.pem()))
}

fn permitted(names: &[String]) -> Vec<GeneralSubtree> {
    let network = |address, bits| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, bits));
    let named = names.iter().map(|name| match name.parse() {
        Ok(address @ IpAddr::V4(_)) => network(address, 32),
        Ok(address @ IpAddr::V6(_)) => network(address, 128),
        Err(_) => GeneralSubtree::DnsName(name.clone()),
    });
    named.chain(PRIVATE_NETWORKS.into_iter().map(|(address, bits)| network(address, bits))).collect()
}

fn date(now: Timestamp, later_s: i64) -> anyhow::Result<OffsetDateTime> {
    Ok(OffsetDateTime::from_unix_timestamp(now.as_ms().div_euclid(1_000) + later_s)?)
}

/// Writes a file that is whole or not there.
fn write_whole(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let write = || {
        let beside = path.with_extension("new");
        let _ = fs::remove_file(&beside);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("trucban-authority-{name}-{}", uuid::Uuid::now_v7()));
            Self(path)
        }

        fn open(&self, names: &[&str], now: Timestamp) -> Authority {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            Authority::open(&self.0, &names, now).unwrap()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn it_is_made_once_and_its_key_is_for_the_owner_alone() {
        let folder = Folder::new("once");
        let first = folder.open(&["truc.laichau"], NOW).certificate();
        assert_eq!(folder.open(&["truc.laichau"], NOW.plus_s(DAY_S)).certificate(), first);
        let mode = |file: &Path| fs::metadata(folder.0.join(file)).unwrap().permissions().mode() & 0o777;
        let secret = Path::new(FOLDER).join(SECRET_FILE);
        assert_eq!((mode(&secret), mode(Path::new(AUTHORITY_FILE))), (0o600, 0o644));
        let public = fs::read_to_string(folder.0.join(AUTHORITY_FILE)).unwrap();
        assert!(public.contains("BEGIN CERTIFICATE") && !public.contains("PRIVATE"), "{public}");
        assert_eq!(first.fingerprint.len(), 32 * 3 - 1);
    }

    #[test]
    fn a_certificate_is_renewed_long_before_it_ends() {
        let folder = Folder::new("renewed");
        let mut authority = folder.open(&["truc.laichau"], NOW);
        let first = authority.newer(NOW).unwrap().unwrap();
        assert!(authority.newer(NOW.plus_s(CERTIFICATE_RENEWED_S - 1)).unwrap().is_none());
        let later = NOW.plus_s(CERTIFICATE_RENEWED_S);
        let second = authority.newer(later).unwrap().unwrap();
        assert_ne!(first.cert, second.cert);
        authority.check(&first.cert[0], NOW.plus_s(CERTIFICATE_LIFE_S - 1)).unwrap();
        assert!(authority.check(&first.cert[0], NOW.plus_s(CERTIFICATE_LIFE_S + 1)).is_err(), "the first is over");
        assert!(authority.newer(NOW).unwrap().is_some(), "the clock was set back");
    }

    #[test]
    fn it_holds_for_its_names_and_private_networks_alone() {
        let folder = Folder::new("names");
        folder.open(&["truc.laichau", "203.0.113.7"], NOW);
        let issues = |names: &[&str]| folder.open(names, NOW).newer(NOW).map(|pair| pair.is_some());
        for names in [&["truc.laichau"][..], &["203.0.113.7"], &["192.168.9.9", "10.1.1.1"]] {
            assert!(issues(names).unwrap(), "{names:?}");
        }
        for names in [&["bank.example"][..], &["203.0.113.8"], &["truc.laichau", "8.8.8.8"]] {
            let said = issues(names).unwrap_err().to_string();
            assert!(said.contains("does not hold"), "{said}");
        }
        let over = NOW.plus_s(AUTHORITY_LIFE_S + 1);
        assert!(folder.open(&["truc.laichau"], over).newer(over).is_err(), "the authority is over");
    }

    #[test]
    fn a_damaged_file_is_told_and_kept() {
        let folder = Folder::new("damaged");
        folder.open(&["truc.laichau"], NOW);
        let file = folder.0.join(FOLDER).join(SECRET_FILE);
        fs::write(&file, "nothing").unwrap();
        let said = Authority::open(&folder.0, &["truc.laichau".to_owned()], NOW).err().unwrap().to_string();
        assert!(said.contains("is damaged"), "{said}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "nothing");
    }
}

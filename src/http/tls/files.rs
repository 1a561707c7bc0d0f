//! A certificate that somebody else issues, read from its files whenever they change.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::provider;

/// A chain and its key.
pub struct Files {
    chain: PathBuf,
    key: PathBuf,
    /// What was last read, good or not. Contents are compared, not times: links are swung, clocks are set back.
    seen: Option<(Vec<u8>, Vec<u8>)>,
}

impl Files {
    /// The files at these paths; nothing is read yet.
    pub fn of(chain: &Path, key: &Path) -> Self {
        Self { chain: chain.to_owned(), key: key.to_owned(), seen: None }
    }

    /// What the files hold, if it is other than at the last call.
    ///
    /// # Errors
    /// Files that cannot be read, are no PEM, or do not belong together.
    pub fn newer(&mut self) -> anyhow::Result<Option<CertifiedKey>> {
        let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        let held = (read(&self.chain)?, read(&self.key)?);
        if self.seen.as_ref() == Some(&held) {
            return Ok(None);
        }
        let (chain, key) = self.seen.insert(held);
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .with_context(|| format!("{} is no PEM file of certificates", self.chain.display()))?;
        if chain.is_empty() {
            bail!("{} holds no certificate", self.chain.display());
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .with_context(|| format!("{} is no PEM file of a private key", self.key.display()))?;
        let pair = CertifiedKey::from_der(chain, key, &provider()).with_context(|| {
            format!("the certificate {} and the key {} are no pair", self.chain.display(), self.key.display())
        })?;
        Ok(Some(pair))
    }
}

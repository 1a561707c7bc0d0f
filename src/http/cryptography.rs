//! Which cryptography TLS uses, said once for the whole process.

/// Chooses `ring` for everything that speaks TLS. No HTTP client can be made before; a second call changes nothing.
pub fn choose_cryptography() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

//! Embeds the built web page (`web/dist`). Where it was never built, a placeholder takes its place, so that
//! `cargo test` works in a clean clone; never runs npm.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

const PLACEHOLDER: &str = r#"<!doctype html>
<html lang="vi">
<head><meta charset="utf-8"><title>trucban</title></head>
<body>
<h1>trucban</h1>
<p>Trang web chưa được dựng: chạy <code>make web</code> rồi dựng lại chương trình.</p>
<p>The web page has not been built: run <code>make web</code>, then build the program again.</p>
<p><a href="/api">/api</a> · <a href="/api/docs">/api/docs</a></p>
</body>
</html>
"#;

fn main() -> io::Result<()> {
    let built = Path::new("web/dist");
    println!("cargo::rerun-if-changed=build.rs");
    // A path that is not there yet makes cargo look again at each build, which is what finds the page once it is built.
    println!("cargo::rerun-if-changed=web/dist/index.html");
    if built.join("index.html").exists() {
        memory_serve::load_directory(built);
    } else {
        memory_serve::load_directory(placeholder()?);
    }
    Ok(())
}

/// Lies outside `web/`, so that nobody takes it for a built page.
fn placeholder() -> io::Result<PathBuf> {
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?).join("placeholder");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("index.html"), PLACEHOLDER)?;
    Ok(folder)
}

//! Embeds the built web page (`web/dist`). Writes a placeholder where it was never built, so that `cargo test` works
//! in a clean clone; never runs npm.

use std::fs;
use std::path::Path;

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

fn main() -> std::io::Result<()> {
    let dist = Path::new("web/dist");
    if !dist.join("index.html").exists() {
        fs::create_dir_all(dist)?;
        fs::write(dist.join("index.html"), PLACEHOLDER)?;
    }
    println!("cargo::rerun-if-changed=build.rs");
    memory_serve::load_directory(dist);
    Ok(())
}

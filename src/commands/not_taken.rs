//! What lies beside the records and goes along with neither `trucban copy` nor `trucban restore`: accounts, tips, the
//! audit, certificates. A right that was revoked must stay revoked, and each is kept by rules of its own.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use trucban::store::copy::Location;

/// In a data folder.
const IN_A_FOLDER: [&str; 4] = ["system.db", "tips.db", "audit.db", "tls"];

/// Says what stayed in `from`, and how it comes to `to` as it is now.
pub(super) fn print_not_taken(out: &mut impl Write, from: &Location, to: &Location) -> io::Result<()> {
    match from {
        Location::Path(folder) => of_a_folder(out, folder, to),
        Location::Database(_) => of_a_database(out, to),
    }
}

fn of_a_folder(out: &mut impl Write, folder: &Path, to: &Location) -> io::Result<()> {
    let there: Vec<_> = IN_A_FOLDER.into_iter().filter(|name| folder.join(name).exists()).collect();
    if there.is_empty() {
        return Ok(());
    }
    let target = match to {
        Location::Path(target) => target.clone(),
        // Of the node that starts first.
        Location::Database(_) => PathBuf::from("DATA"),
    };
    writeln!(
        out,
        "không mang theo / not taken along: {}\n  dừng máy chủ rồi chép như hiện nay / stop the server, then copy them as \
         they are now:",
        there.join(", ")
    )?;
    for name in there {
        // With the logs that SQLite keeps beside its files.
        let all = if name.ends_with(".db") { "*" } else { "" };
        writeln!(out, "  cp -a {}{all} {}/", folder.join(name).display(), target.display())?;
    }
    Ok(())
}

fn of_a_database(out: &mut impl Write, to: &Location) -> io::Result<()> {
    writeln!(
        out,
        "không mang theo / not taken along: trucban.replica_* (tài khoản và tin báo mà các nút dùng chung / accounts and \
         tips that nodes share)\n  dừng các nút rồi chép như hiện nay / stop the nodes, then copy them as they are now:"
    )?;
    match to {
        Location::Path(target) => {
            let target = target.display();
            writeln!(out, "  cp -a NODE/system.db* NODE/tips.db* {target}/\n  trucban leave --data {target}")
        }
        Location::Database(_) => writeln!(
            out,
            "  pg_dump --data-only --table='trucban.replica_*' --file=shared.sql FROM\n  \
             psql --single-transaction -v ON_ERROR_STOP=1 --file=shared.sql TO"
        ),
    }
}

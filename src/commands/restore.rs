//! `trucban restore --at TIME`: what stood in a store at a moment, made anew beside it.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use trucban::domain::Timestamp;
use trucban::store::copy::{Cut, Entry, Location, restore};

use super::copy::location;
use super::not_taken::print_not_taken;
use super::{blocking, finish, store_told};

/// Makes a store as it was at a moment: all that was recorded by then and nothing after. What is there stays as it is.
/// Accounts, audit and tips are not wound back.
#[derive(Args, Clone, Debug)]
pub struct RestoreArgs {
    /// The moment: RFC 3339 (2026-11-26T02:14:00+07:00), or the province's local time (2026-11-26 02:14)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Timestamp,
    /// A data folder, a backup file, or a database; also beside servers that use it
    #[arg(long, value_name = "PATH|postgres://…", value_parser = location)]
    from: Location,
    /// A new data folder, or a database that was migrated and is empty, with the role that owns it
    #[arg(long, value_name = "PATH|postgres://…", value_parser = location)]
    to: Location,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_typed(text).map_err(|_| {
        "không phải thời điểm; hãy ghi 2026-11-26T02:14:00+07:00, hoặc giờ địa phương 2026-11-26 02:14 / \
         no moment; write 2026-11-26T02:14:00+07:00, or the local time 2026-11-26 02:14"
            .to_owned()
    })
}

/// `trucban restore`: 0 if the target is what stood there, 2 if it could not be made so.
pub fn restore_store(args: &RestoreArgs) -> ExitCode {
    finish(blocking(async {
        let RestoreArgs { at, from, to } = args;
        let (tally, cut) = restore(from.clone(), to.clone(), *at).await.map_err(store_told)?;
        let mut out = io::stdout().lock();
        writeln!(out, "{from} → {to}: như lúc / as at {} (UTC+7) = {at}", at.local_text())?;
        print(&mut out, &cut)?;
        write!(out, "{tally}")?;
        print_not_taken(&mut out, from, to)?;
        Ok(ExitCode::SUCCESS)
    }))
}

fn print(out: &mut impl Write, cut: &Cut) -> io::Result<()> {
    let Cut { newest, kept, first_left_out, left_out, left_out_by_seq } = cut;
    match newest {
        Some(Entry { seq, recorded_at }) => {
            let local = recorded_at.local_text();
            writeln!(out, "giữ / kept: {kept} mục / entries, đến / through seq {seq} ({local})")?;
        }
        None => writeln!(out, "giữ / kept: 0 mục, trước đó chưa ghi gì / entries, nothing was recorded before")?,
    }
    let Some(Entry { seq, recorded_at }) = first_left_out else {
        return writeln!(out, "bỏ / left out: 0 mục / entries");
    };
    let local = recorded_at.local_text();
    writeln!(out, "bỏ / left out: {left_out} mục / entries, từ / from seq {seq} ({local})")?;
    if *left_out_by_seq > 0 {
        writeln!(
            out,
            "  trong đó {left_out_by_seq} mục ghi giờ sớm hơn: đồng hồ đã bị chỉnh lùi / of which {left_out_by_seq} bear \
             an earlier time: the clock had been set back"
        )?;
    }
    Ok(())
}

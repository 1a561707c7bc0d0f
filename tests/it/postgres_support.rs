//! A PostgreSQL of the tests' own: one throw-away cluster for the whole binary, one database a test. It listens on
//! loopback alone and ends with this process, however that ends: its keeper waits for the end of a pipe.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use trucban::store::postgis::{self, Database};
use uuid::Uuid;

/// What the tests need, as Debian names it.
const PACKAGE: &str = "postgresql-15-postgis-3";
/// Longest that a cluster may take until it answers; only against a test that hangs.
const READY_WAIT: Duration = Duration::from_secs(60);
/// The migrated database that those of the tests are copied from.
const TEMPLATE: &str = "trucban_template";

/// A running server. Tests that stop it, or need it otherwise than others do, have one of their own.
pub struct Cluster {
    programs: PathBuf,
    dir: PathBuf,
    pub port: u16,
    /// One copy of the template at a time.
    copying: Mutex<()>,
    /// Its standard input is the pipe.
    keeper: Child,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A test that failed may have left it standing still.
        self.signal("CONT");
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Starts the server as the user that may, stops it and removes its folder when nobody holds the pipe any more.
const KEEPER: &str = r#"
trap '' INT TERM
as() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --init-groups "$@"; else "$@"; fi; }
mkdir -m 700 "$dir" && { [ "$(id -u)" != 0 ] || chown postgres "$dir"; }
cd "$dir"
printf '%s' "$certificate" >server.crt
(umask 077 && printf '%s' "$key" >server.key)
[ "$(id -u)" != 0 ] || chown postgres server.key
as "$programs/initdb" -D "$dir/data" -U trucban -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$log" 2>&1 || exit 1
as "$programs/postgres" -D "$dir/data" -p "$port" -k "$dir" -c listen_addresses=127.0.0.1 \
   -c ssl=on -c ssl_cert_file="$dir/server.crt" -c ssl_key_file="$dir/server.key" -c max_connections=300 -c shared_buffers=64MB -c max_wal_size=512MB >>"$log" 2>&1 &
cat >/dev/null
kill -INT "$(head -n 1 "$dir/data/postmaster.pid")" 2>/dev/null
wait
rm -rf "$dir" "$log"
"#;

/// Where the programs of the newest PostgreSQL are that is installed.
pub fn programs() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = installed.map(|version| version.path().join("bin")).collect();
    found.retain(|bin| bin.join("initdb").exists());
    found.sort();
    found.pop().unwrap_or_else(|| panic!("the tests of PostGIS need the package {PACKAGE}: apt-get install {PACKAGE}"))
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start)
}

fn answers(programs: &Path, port: u16) -> bool {
    let (port, url) = (port.to_string(), "postgres");
    let mut asking = Command::new(programs.join("psql"));
    asking.args(["-h", "127.0.0.1", "-p", &port, "-U", "trucban", "-d", url, "-c", "SELECT 1"]);
    asking.output().is_ok_and(|output| output.status.success())
}

impl Cluster {
    /// A new one, with the migrated template in it.
    pub fn start() -> Self {
        let programs = programs();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let dir = std::env::temp_dir().join(format!("trucban-pg-{}", Uuid::now_v7().simple()));
        let log = dir.with_extension("log");
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER])
            .envs([("programs", &programs), ("dir", &dir), ("log", &log)])
            .env("port", port.to_string())
            .envs([("certificate", cert.pem()), ("key", signing_key.serialize_pem())])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let patience = Instant::now() + READY_WAIT;
        while !answers(&programs, port) {
            let log = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(keeper.try_wait().unwrap().is_none(), "PostgreSQL does not start: {}", log());
            assert!(Instant::now() < patience, "PostgreSQL does not answer: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        let cluster = Self { programs, dir, port, copying: Mutex::default(), keeper };
        cluster.sql("postgres", &format!("CREATE DATABASE {TEMPLATE}"));
        let template: Database = cluster.url(TEMPLATE).parse().unwrap();
        // A runtime of its own, since this one is waiting here.
        let migrating = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(postgis::migrate(&template))
        });
        let migrated = migrating.join().unwrap();
        assert!(migrated.is_ok(), "{migrated:?}; PostGIS comes with the package {PACKAGE}");
        cluster
    }

    /// The migrated database of a cluster that one test has for itself.
    pub fn only_database() -> &'static str {
        TEMPLATE
    }

    /// Stops it by this mode of `pg_ctl` and starts it again; back when it answers.
    pub fn restart(&self, mode: &str) {
        let mut command = Command::new("sh");
        let restart = r#"cd "$dir"
            set -- "$programs/pg_ctl" -D "$dir/data" -m "$mode" -w -t 60 -l "$dir/restarts.log" restart
            if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --init-groups "$@"; else "$@"; fi"#;
        command.args(["-c", restart]).envs([("programs", &self.programs), ("dir", &self.dir)]).env("mode", mode);
        let output = command.stdout(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Sends a signal (`STOP`, `CONT`) to every process of the server.
    pub fn signal(&self, name: &str) {
        let keeper = std::fs::read_to_string(self.dir.join("data/postmaster.pid")).unwrap();
        let postmaster = keeper.lines().next().unwrap();
        let children = Command::new("pgrep").args(["-P", postmaster]).output().unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        let all = children.lines().chain([postmaster]);
        // One that has ended meanwhile is no failure.
        let _ = Command::new("kill").arg(format!("-{name}")).args(all).stderr(Stdio::null()).status();
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://trucban@127.0.0.1:{}/{database}", self.port)
    }

    fn psql(&self, url: &str, sql: &str) -> Output {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]);
        command.output().unwrap()
    }

    fn sql(&self, database: &str, sql: &str) -> String {
        let output = self.psql(&self.url(database), sql);
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// A database of one test, dropped when nobody has it any more; cheap to clone.
#[derive(Clone)]
pub struct TestDatabase(Arc<Dropped>);

/// The name of a database that goes with it.
struct Dropped(String);

impl TestDatabase {
    /// Migrated and empty.
    pub fn new() -> Self {
        Self::made_by(&format!("TEMPLATE {TEMPLATE}"))
    }

    /// One for a server or a duty room of the tests, where the whole suite is to run over PostGIS
    /// (`TRUCBAN_TEST_STORE=postgis`).
    pub fn if_asked_for() -> Option<Self> {
        std::env::var("TRUCBAN_TEST_STORE").is_ok_and(|store| store == "postgis").then(Self::new)
    }

    /// Without anything of ours.
    pub fn bare() -> Self {
        Self::made_by("TEMPLATE template0")
    }

    fn made_by(how: &str) -> Self {
        let name = format!("test_{}", Uuid::now_v7().simple());
        let cluster = cluster();
        let _alone = cluster.copying.lock().unwrap_or_else(PoisonError::into_inner);
        cluster.sql("postgres", &format!("CREATE DATABASE {name} {how}"));
        Self(Arc::new(Dropped(name)))
    }

    fn name(&self) -> &str {
        &self.0.0
    }

    /// As the role that owns everything.
    pub fn url(&self) -> String {
        cluster().url(self.name())
    }

    /// As another role.
    pub fn url_as(&self, role: &str) -> String {
        self.url().replace("trucban@", &format!("{role}@"))
    }

    /// A file with the certificate that the server shows.
    pub fn authority() -> &'static Path {
        static AUTHORITY: OnceLock<PathBuf> = OnceLock::new();
        AUTHORITY.get_or_init(|| cluster().dir.join("server.crt"))
    }

    pub fn database(&self) -> Database {
        self.url().parse().unwrap()
    }

    /// Takes the database away: everybody is cut off and nobody comes in, until [`TestDatabase::let_in`].
    pub fn shut(&self) {
        let name = self.name();
        cluster().sql("postgres", &format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"));
        let cut = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        cluster().sql("postgres", &cut);
    }

    /// Lets everybody in again.
    pub fn let_in(&self) {
        cluster().sql("postgres", &format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true", self.name()));
    }

    /// Runs SQL that works, in the schema of the store; what it answers.
    pub fn sql(&self, sql: &str) -> String {
        cluster().sql(self.name(), &format!("SET search_path = trucban, public; {sql}"))
    }

    /// All that is on the disk of the tables of records, and a dump of them, where nothing is packed.
    pub fn bytes_of_records(&self) -> Vec<u8> {
        let files = "CHECKPOINT; SELECT pg_relation_filepath(file.oid) FROM pg_class records, pg_class file
            WHERE records.relnamespace = 'trucban'::regnamespace AND records.relname NOT LIKE 'replica%'
            AND file.oid IN (records.oid, records.reltoastrelid) AND file.relkind IN ('r', 't')";
        let (data, files) = (cluster().dir.join("data"), self.sql(files));
        let on_disk = files.lines().flat_map(|file| std::fs::read(data.join(file)).unwrap());
        on_disk.chain(self.dump(&["--exclude-table=trucban.replica_*"])).collect()
    }

    /// What nodes share of accounts and tips, as it lies here: JSON, bytes as hexadecimal digits.
    pub fn shared(&self) -> Vec<u8> {
        self.dump(&["--table=trucban.replica_*"])
    }

    fn dump(&self, of: &[&str]) -> Vec<u8> {
        let dump = Command::new(cluster().programs.join("pg_dump")).args(of).arg(self.url()).output().unwrap();
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        dump.stdout
    }

    /// What another role is told that may not do this.
    pub fn refused(&self, role: &str, sql: &str) -> String {
        let output = cluster().psql(&self.url_as(role), &format!("SET search_path = trucban, public; {sql}"));
        assert!(!output.status.success(), "{sql} was done");
        String::from_utf8(output.stderr).unwrap()
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.0);
        let _ = cluster().psql(&cluster().url("postgres"), &drop);
    }
}

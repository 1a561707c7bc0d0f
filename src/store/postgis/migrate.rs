//! `trucban migrate`: makes the schema, or brings it up to this version. Needs a role that owns it; serving needs less.

use tokio_postgres::GenericClient;

use super::connect::{Database, SCHEMA, Session};
use super::tables;
use crate::domain::Collection;
use crate::store::{CREATED_AT, StoreError, now};

/// Held while migrating, so that two nodes do not do it at once. The import's lock has the same first number.
const MIGRATION_LOCK: &str = "SELECT pg_advisory_lock(7301, 3)";

mod embedded {
    refinery::embed_migrations!("migrations/postgis");
}

/// Brings the database up to this version; on one that is, nothing changes.
///
/// # Errors
/// What the database said: no right to create, no PostGIS, a newer version.
pub async fn migrate(database: &Database) -> Result<(), StoreError> {
    let mut client = database.client(Session::Long).await?;
    client.batch_execute(MIGRATION_LOCK).await?;
    client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {SCHEMA}")).await?;
    if client.query_opt("SELECT FROM pg_extension WHERE extname = 'postgis'", &[]).await?.is_none() {
        client.batch_execute("CREATE EXTENSION IF NOT EXISTS postgis SCHEMA public").await.map_err(|error| {
            StoreError::Unavailable(format!(
                "PostGIS is not in this database; its administrator adds it by CREATE EXTENSION postgis: {}",
                StoreError::from(error)
            ))
        })?;
    }
    let ran = embedded::migrations::runner().set_grouped(true).run_async(&mut client).await;
    ran.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let transaction = client.transaction().await?;
    tables::ensure(&transaction).await?;
    let created = "INSERT INTO meta VALUES ($1, $2) ON CONFLICT DO NOTHING";
    transaction.execute(created, &[&CREATED_AT, &now().to_string()]).await?;
    transaction.commit().await?;
    Ok(())
}

/// Refuses a database that this version cannot serve, and says what to do.
pub(super) async fn check_version(client: &impl GenericClient) -> Result<(), StoreError> {
    let told = |why: &str| StoreError::Unavailable(format!("{why}: run `trucban migrate --database URL` first"));
    let history = format!("SELECT to_regclass('{SCHEMA}.refinery_schema_history') IS NOT NULL");
    if !client.query_one(&history, &[]).await?.get::<_, bool>(0) {
        return Err(told("the database holds no store of trucban, or its schema is not open to this role"));
    }
    let applied: Vec<i64> = client
        .query("SELECT version::int8 FROM refinery_schema_history", &[])
        .await?
        .iter()
        .map(|row| row.get(0))
        .collect();
    let runner = embedded::migrations::runner();
    if runner.get_migrations().iter().any(|wanted| !applied.contains(&i64::from(wanted.version()))) {
        return Err(told("the database was made by an older version of trucban"));
    }
    for collection in Collection::ALL {
        if !tables::missing_columns(client, collection).await?.is_empty() {
            return Err(told("the database lacks columns of this version of trucban"));
        }
    }
    Ok(())
}

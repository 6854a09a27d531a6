//! `roomsync schema`.

use super::{Exit, output};
use crate::desired::FileSpec;
use crate::render::Document;
use crate::settings::SettingsSpec;
use schemars::generate::SchemaSettings;
use schemars::transform::RestrictFormats;

/// Prints the JSON Schema of the settings, of room files or of plans
///
/// An editor that knows it completes keys, shows what they mean and underlines what is wrong as it is typed. What takes more
/// than one file or the groups written out, only `roomsync validate` can tell.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// What the schema is of
    #[arg(value_name = "WHAT")]
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// The settings file, roomsync.yaml
    Settings,
    /// Room files
    Rooms,
    /// A plan, as `roomsync plan --format json` prints it
    Plan,
}

/// Runs `roomsync schema`.
pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    // Not every reader knows the formats that Rust's numbers would be given.
    let settings = SchemaSettings::draft2020_12().with_transform(RestrictFormats::default());
    let (name, mut schema) = match args.what {
        What::Settings => (
            "settings",
            settings.into_generator().into_root_schema_for::<SettingsSpec>(),
        ),
        What::Rooms => (
            "rooms",
            settings.into_generator().into_root_schema_for::<FileSpec>(),
        ),
        What::Plan => {
            let generator = settings.for_serialize().into_generator();
            ("plan", generator.into_root_schema_for::<Document<'_>>())
        }
    };
    // A name, and no address: nothing can ever answer there.
    let id = format!("https://roomsync.invalid/schema/{name}.json");
    schema.insert("$id".to_owned(), id.into());
    output(&format!("{}\n", serde_json::to_string_pretty(&schema)?))?;
    Ok(Exit::Done)
}

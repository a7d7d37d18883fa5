//! `brownout schema`: the JSON Schema of models.

use super::{Exit, print};

#[derive(clap::Args)]
pub(super) struct Schema {}

impl Schema {
    pub(super) fn execute(self) -> Exit {
        let mut text = serde_json::to_string_pretty(&crate::model::schema::schema()).expect("a schema is JSON");
        text.push('\n');
        print(&text)
    }
}

//! `onhand keys rotate`: suppliers' credentials, sealed anew under the present key.

use std::process::ExitCode;

use platform::config::Config;

pub(crate) async fn rotate(config: &Config, dry_run: bool) -> anyhow::Result<ExitCode> {
    let rotation = supplier_sync::keys::rotate(config, dry_run).await?;
    println!("{} credentials are sealed with the present key, {}", rotation.present, rotation.key_id);
    if rotation.broken.is_empty() {
        let done = if dry_run { "would be sealed anew" } else { "were sealed anew" };
        println!("{} {done}", rotation.resealed);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{} could be sealed anew, and none was:", rotation.resealed);
    for (supplier, why) in &rotation.broken {
        println!("supplier {supplier}: {why}");
    }
    println!(
        "Set supplier_sync.previous_secret_key to the key that they are sealed with, or give them anew."
    );
    Ok(ExitCode::FAILURE)
}

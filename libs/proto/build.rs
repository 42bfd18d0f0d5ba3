//! Makes Rust of the `.proto` files, with no compiler but cargo's.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message;

/// Each is a set of its own, so that a process describes by reflection only what it serves.
const FILES: [&str; 3] = ["inventory", "get", "feed"];

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script where to write by a variable")]
fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::var("OUT_DIR")?);
    for name in FILES {
        let file = format!("{name}.proto");
        println!("cargo::rerun-if-changed=proto/{file}");
        let descriptors = protox::compile([&file], ["proto"])?;
        fs::write(folder.join(format!("{name}.bin")), descriptors.encode_to_vec())?;
        tonic_prost_build::configure().compile_fds(descriptors)?;
    }
    Ok(())
}

//! Example: a file that says everything there is to say, printed from the schema.

use crate::config::schema::{Given, Key, ROOT, Section};

/// A configuration that names every key. What is commented out as `# key = value` is what holds
/// anyway, or what could stand there.
pub fn example_toml() -> String {
    let mut out = String::from(
        "# Every key there is. A line `# key = value` is a default, or a choice not made here.\n\
         # Durations: ns us ms s m h d. Sizes: bytes, KiB MiB GiB. Decimals are exact, in quotes or not.\n\
         # Relative paths are relative to this file's folder.\n",
    );
    for key in ROOT.keys {
        match key.given {
            Given::Table(section) => write_section(&mut out, section, "[", "]", "", true),
            Given::List(section) => write_section(&mut out, section, "[[", "]]", "", true),
            Given::Default(_) | Given::Required(_) | Given::Optional(_) | Given::Shown(_) => {}
        }
    }
    out
}

/// `is_live` is false for a table that the example does not take up.
fn write_section(
    out: &mut String,
    section: &Section,
    open: &str,
    close: &str,
    around: &str,
    is_live: bool,
) {
    let path = format!("{around}{}", section.name);
    let mark = if is_live { "" } else { "# " };
    out.push_str(&format!(
        "\n# {}\n{mark}{open}{path}{close}\n",
        section.about
    ));
    // The keys of limits are explained where they stand first.
    let is_explained = section.name == "limits" && !around.is_empty();
    for key in section.keys {
        write_key(out, key, !is_explained, is_live && !is_explained);
    }
    if section.name == "operator" {
        // By default two persons must raise what one has killed.
        out.push_str("[[operator]]\nname = \"bob\"\nuid = 1001\n");
    }
    for key in section.keys {
        if let Given::Table(inner) = key.given {
            // The example's broker is the simulated one, its subscriber a file.
            let is_live = is_live && !["native", "webhook"].contains(&inner.name);
            write_section(out, inner, "[", "]", &format!("{path}."), is_live);
        }
        if let Given::List(inner) = key.given {
            write_section(out, inner, "[[", "]]", &format!("{path}."), is_live);
        }
    }
}

fn write_key(out: &mut String, key: &Key, is_explained: bool, is_live: bool) {
    let (literal, is_taken) = match key.given {
        Given::Default(literal) | Given::Optional(literal) => (literal, false),
        Given::Required(literal) | Given::Shown(literal) => (literal, true),
        Given::Table(_) | Given::List(_) => return,
    };
    if is_explained {
        out.push_str(&format!("# {}\n", key.about));
    }
    let mark = if is_live && is_taken { "" } else { "# " };
    out.push_str(&format!("{mark}{} = {literal}\n", key.name));
}

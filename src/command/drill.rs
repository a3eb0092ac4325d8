//! `portcullis drill`: disasters that happened, played against the gate in virtual time.
//!
//! Each scene goes through the same core that the gateway runs: once with every limit off, once with
//! each control alone, and once with all of them. Nothing listens, nothing is drawn by chance, and no
//! clock is read: two runs print the same bytes.

mod citi;
mod everbright;
mod flash;
mod goldman;
mod knight;
mod picture;
mod play;
mod scene;
mod table;

pub use self::play::{Flow, Run};
pub use self::scene::{Control, Scene};

use super::Failure;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A disaster that can be played.
#[derive(Clone, Copy, Debug)]
pub struct Drill {
    /// How it is asked for.
    pub name: &'static str,
    /// Whom it happened to, and when.
    pub title: &'static str,
    /// What happened, in two lines.
    pub facts: &'static str,
    /// What money is counted in.
    pub currency: &'static str,
    /// What is played, part by part.
    pub scenes: fn() -> Vec<Scene>,
}

/// Every drill there is.
pub const DRILLS: [Drill; 5] = [
    Drill {
        name: "knight-2012",
        title: "Knight Capital, 1 August 2012",
        facts: "One server of eight lacked new code, and dead code woke there: for 45 minutes it sent children of\n\
                212 orders and counted no fill. 4 million trades in 154 stocks, 460 million USD lost.",
        currency: "USD",
        scenes: knight::scenes,
    },
    Drill {
        name: "flash-2010",
        title: "The flash crash, 6 May 2010",
        facts: "A program sold 75,000 index futures at 9 % of the last minute's volume, at any price; they fell\n\
                5 % in minutes, and 20,000 trades in 300 other names were done at prices such as 0.01 USD.",
        currency: "USD",
        scenes: flash::scenes,
    },
    Drill {
        name: "everbright-2013",
        title: "Everbright Securities, 16 August 2013",
        facts: "A faulty re-order function sent 26,082 market buys in two seconds, 23.4 billion CNY, from a desk\n\
                outside the firm's own limits. 7.27 billion were filled, and the index rose by 6 %.",
        currency: "CNY",
        scenes: everbright::scenes,
    },
    Drill {
        name: "goldman-2013",
        title: "Goldman Sachs, 20 August 2013",
        facts: "A wrong setting made 16,000 indications live orders at 1 USD before the open, where price checks\n\
                were wide; blocks were lifted by hand. 1.5 million contracts traded, 38 million USD lost.",
        currency: "USD",
        scenes: goldman::scenes,
    },
    Drill {
        name: "citi-2022",
        title: "Citigroup Global Markets, 2 May 2022",
        facts: "A sale of 58 million USD was typed as a quantity: 444 billion in 349 stocks. Soft warnings were\n\
                clicked away, hard blocks held a part, and 1.4 billion were sold before it was cancelled.",
        currency: "USD",
        scenes: citi::scenes,
    },
];

/// What may be chosen.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of a drill, `all` or `list`.
    pub name: String,
    /// Where pictures go: a folder, or a file that ends in `.svg` for one drill.
    pub out: PathBuf,
    /// For machines.
    pub is_json: bool,
}

/// A scene and what became of it.
#[derive(Clone, Debug)]
pub struct Played {
    /// What was shown.
    pub scene: &'static str,
    /// With nothing armed first.
    pub runs: Vec<Run>,
}

impl Drill {
    /// The drill of a name.
    pub fn find(name: &str) -> Option<Self> {
        DRILLS.into_iter().find(|drill| drill.name == name)
    }

    /// Plays every scene.
    pub fn play(&self) -> Result<Vec<Played>, Failure> {
        let scenes = (self.scenes)();
        let played = scenes.iter().map(|scene| {
            Ok(Played {
                scene: scene.name,
                runs: scene.runs()?,
            })
        });
        played.collect()
    }
}

/// What each drill is, in two lines each.
pub fn about() -> String {
    let mut out = String::new();
    for drill in DRILLS {
        let facts = drill.facts.replace('\n', "\n  ");
        let _ = writeln!(out, "{}: {}\n  {facts}", drill.name, drill.title);
    }
    out
}

/// Plays what is asked for, draws it, and gives what is to be printed.
pub fn run(options: &Options) -> Result<String, Failure> {
    if options.name == "list" && !options.is_json {
        return Ok(about());
    }
    let drills = match options.name.as_str() {
        "all" | "list" => DRILLS.to_vec(),
        name => vec![Drill::find(name).ok_or_else(|| unknown(name))?],
    };
    if options.name == "list" {
        let listed = drills.iter().map(|drill| {
            json!({ "name": drill.name, "title": drill.title, "facts": drill.facts.replace('\n', " ") })
        });
        return Ok(format!(
            "{}\n",
            json!({ "drills": listed.collect::<Vec<_>>() })
        ));
    }
    let is_file = options.out.extension().is_some_and(|end| end == "svg");
    if is_file && 1 < drills.len() {
        return Err(Failure::of(
            "--out: one file for several pictures; name a folder, or one drill",
        ));
    }
    let (mut text, mut values) = (String::new(), Vec::<Value>::new());
    for drill in drills {
        let played = drill.play()?;
        let path = match is_file {
            true => options.out.clone(),
            false => options.out.join(format!("{}.svg", drill.name)),
        };
        write(&path, &picture::svg(&drill, &played))?;
        if options.is_json {
            values.push(table::json(&drill, &played, &path));
        } else {
            text.push_str(&table::text(&drill, &played, &path));
        }
    }
    match options.is_json {
        true => Ok(format!("{}\n", json!({ "drills": values }))),
        false => Ok(text),
    }
}

fn unknown(name: &str) -> Failure {
    let names: Vec<&str> = DRILLS.iter().map(|drill| drill.name).collect();
    Failure::of(format!(
        "no drill {name:?}; write one of {}, all or list",
        names.join(", ")
    ))
}

fn write(path: &Path, picture: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, picture))
        .map_err(|error| {
            Failure::of(format!(
                "{}: {error}; name another place by --out",
                path.display()
            ))
        })
}

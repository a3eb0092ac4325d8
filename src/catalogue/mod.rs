//! Catalogue: every control that rules and venues demand of a gate before and around a trade, and how
//! far it is built here. `portcullis controls` prints it, and `docs/controls.md` is made from it.
//!
//! Cold. A file for each section. A row that is built names the reasons of its refusals, and what shows
//! it: a scenario of `tests/controls`, where it refuses and where it just does not, or a test.

mod after;
mod exposure;
mod kills;
mod losses;
mod order;
mod permission;
mod rates;

use crate::reject::RejectReason;

/// One row.
#[derive(Debug)]
pub struct Control {
    /// Its number. Sections have letters.
    pub number: u8,
    /// What it is called.
    pub name: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// Which rules and venues demand it.
    pub demanded_by: &'static str,
    /// How far it is built.
    pub status: Status,
    /// Why an order is refused by it.
    pub reasons: &'static [RejectReason],
    /// The keys of the configuration that decide about it.
    pub keys: &'static [&'static str],
    /// Where it is shown.
    pub shown_by: ShownBy,
}

/// How far a control is built.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// All of it.
    Built,
    /// All but this.
    Partly(&'static str),
    /// Not yet, and what it waits for.
    Waits(&'static str),
    /// It is not a gate's to have: whose it is.
    NotAGates(&'static str),
}

/// What shows that a control does what its row says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ShownBy {
    /// The scenario of its number in `tests/controls`.
    Scenario,
    /// A test: its file and its function.
    Test(&'static str, &'static str),
    /// Nothing is built that could be shown.
    Nothing,
}

/// A letter and what its rows have in common.
#[derive(Debug)]
pub struct Section {
    /// From A.
    pub letter: char,
    /// What it is about.
    pub name: &'static str,
    /// Its rows.
    pub controls: &'static [Control],
}

impl Status {
    /// In one word, for tables.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Built => "built",
            Self::Partly(_) => "partly",
            Self::Waits(_) => "waits",
            Self::NotAGates(_) => "not a gate's",
        }
    }

    /// What is missing, if something is.
    pub const fn missing(self) -> &'static str {
        match self {
            Self::Built => "",
            Self::Partly(what) | Self::Waits(what) | Self::NotAGates(what) => what,
        }
    }
}

/// A row of which nothing is built.
const fn waits(
    number: u8,
    name: &'static str,
    meaning: &'static str,
    demanded_by: &'static str,
    what: &'static str,
) -> Control {
    Control {
        number,
        name,
        meaning,
        demanded_by,
        status: Status::Waits(what),
        reasons: &[],
        keys: &[],
        shown_by: ShownBy::Nothing,
    }
}

/// All rows, in the order of their numbers.
pub fn controls() -> impl Iterator<Item = &'static Control> {
    SECTIONS.iter().flat_map(|section| section.controls)
}

/// The catalogue, from A.
pub const SECTIONS: &[Section] = &[
    order::SECTION,
    permission::SECTION,
    rates::SECTION,
    exposure::SECTION,
    losses::SECTION,
    kills::SECTION,
    after::SECTION,
];

//! Concentration: how much of what is held lies in one symbol, issuer or sector.

use super::moments::ratio;

/// What is held, by one kind of group.
#[derive(Clone, Debug, PartialEq)]
pub struct Concentration {
    /// "symbol", "issuer" or "sector".
    pub kind: &'static str,
    /// By gross value, the largest first.
    pub parts: Vec<Part>,
    /// Herfindahl and Hirschman's: the sum of the squares of the shares, from 1 over the count of parts
    /// to 1. `None` where nothing has a value.
    pub index: Option<f64>,
    /// How many parts of one size would be as concentrated.
    pub effective_count: Option<f64>,
}

/// One symbol, issuer or sector.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Long and short added.
    pub gross: f64,
    /// Long less short.
    pub net: f64,
    /// Of the gross value of all; `None` where that is zero.
    pub share: Option<f64>,
}

impl Concentration {
    /// Of values, each with the name of the part that it belongs to.
    pub fn new<'n>(kind: &'static str, values: impl Iterator<Item = (&'n str, f64)>) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        for (name, value) in values {
            match parts.iter_mut().find(|part| part.name == name) {
                Some(part) => {
                    part.gross += value.abs();
                    part.net += value;
                }
                None => parts.push(Part {
                    name: name.to_owned(),
                    gross: value.abs(),
                    net: value,
                    share: None,
                }),
            }
        }
        let gross: f64 = parts.iter().map(|part| part.gross).sum();
        for part in &mut parts {
            part.share = ratio(part.gross, gross);
        }
        // Stable: parts of one size stand in the order of what is held.
        parts.sort_by(|one, other| other.gross.total_cmp(&one.gross));
        let squares = parts
            .iter()
            .map(|part| part.share.map(|share| share * share));
        let index = squares.sum::<Option<f64>>().filter(|_| !parts.is_empty());
        Self {
            kind,
            parts,
            index,
            effective_count: index.and_then(|index| ratio(1.0, index)),
        }
    }
}

//! Object: a JSON object being written, field by field, into a text that is used again.

use crate::message::{Frame, Text};
use crate::protocol::scenario::names::{Names, Table};
use crate::units::{AccountId, OrderId, Price, Qty, write_decimal};
use std::fmt::Write;

/// An object that is being written, field by field.
pub(super) struct Object<'s> {
    out: &'s mut String,
    is_empty: bool,
}

impl<'s> Object<'s> {
    pub(super) fn open(out: &'s mut String) -> Self {
        out.push('{');
        Self {
            out,
            is_empty: true,
        }
    }

    pub(super) fn close(self) {
        self.out.push('}');
    }

    fn field(&mut self, name: &str) {
        if !self.is_empty {
            self.out.push(',');
        }
        self.is_empty = false;
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
    }

    pub(super) fn object(&mut self, name: &str) -> Object<'_> {
        self.field(name);
        Object::open(self.out)
    }

    pub(super) fn integer(&mut self, name: &str, value: u64) {
        self.field(name);
        let _ = write!(self.out, "{value}");
    }

    pub(super) fn integer_unless_zero(&mut self, name: &str, value: u64) {
        if value != 0 {
            self.integer(name, value);
        }
    }

    pub(super) fn truth(&mut self, name: &str) {
        self.field(name);
        self.out.push_str("true");
    }

    pub(super) fn string(&mut self, name: &str, value: &str) {
        self.field(name);
        push_string(self.out, value);
    }

    pub(super) fn text(&mut self, name: &str, text: &Text) {
        self.string(name, text.as_str());
    }

    pub(super) fn text_unless_empty(&mut self, name: &str, text: &Text) {
        if !text.is_empty() {
            self.text(name, text);
        }
    }

    /// A decimal as a string, so that no reader makes a float of it.
    /// A value that is JSON already.
    pub(super) fn raw(&mut self, name: &str, json: &str) {
        self.field(name);
        self.out.push_str(json);
    }

    pub(super) fn decimal(&mut self, name: &str, raw: i128, digits: u32) {
        self.field(name);
        self.out.push('"');
        let _ = write_decimal(self.out, raw, digits);
        self.out.push('"');
    }

    pub(super) fn price(&mut self, name: &str, price: Price) {
        self.decimal(name, i128::from(price.raw()), Price::DIGITS);
    }

    pub(super) fn price_unless_zero(&mut self, name: &str, price: Price) {
        if price != Price::default() {
            self.price(name, price);
        }
    }

    pub(super) fn qty(&mut self, name: &str, qty: Qty) {
        self.decimal(name, i128::from(qty.raw()), Qty::DIGITS);
    }

    pub(super) fn qty_unless_zero(&mut self, name: &str, qty: Qty) {
        if qty != Qty::ZERO {
            self.qty(name, qty);
        }
    }

    /// A name, or the id where it has none.
    pub(super) fn name(&mut self, name: &str, table: &Table, id: u32) {
        match table.name(id) {
            Some(value) => self.string(name, value),
            None => self.integer(name, u64::from(id)),
        }
    }

    /// A word, or the byte where it means nothing.
    pub(super) fn word(&mut self, name: &str, word: Option<&str>, byte: u8) {
        match word {
            Some(word) => self.string(name, word),
            None => self.integer(name, u64::from(byte)),
        }
    }

    /// An order by the strategy's id, or by the gate's where nobody knows that.
    pub(super) fn order(
        &mut self,
        names: &Names,
        order_id: OrderId,
        client_id_of: impl Fn(OrderId) -> Option<(AccountId, Text)>,
    ) {
        match client_id_of(order_id).filter(|(_, id)| id.is_id()) {
            Some((account, id)) => {
                self.name("account", &names.accounts, account.0);
                self.text("id", &id);
            }
            None => self.integer("order_id", order_id.0),
        }
    }

    /// Frames, byte by byte.
    pub(super) fn hexadecimal(&mut self, name: &str, head: &Frame, continuations: &[Frame]) {
        self.field(name);
        self.out.push('"');
        for frame in std::iter::once(head).chain(continuations) {
            for byte in frame.bytes() {
                self.out.push(HEXADECIMAL[usize::from(byte >> 4)] as char);
                self.out.push(HEXADECIMAL[usize::from(byte & 15)] as char);
            }
        }
        self.out.push('"');
    }

    /// A list of words that need no escape.
    pub(super) fn words<'w>(&mut self, name: &str, words: impl Iterator<Item = &'w str>) {
        self.field(name);
        let mut opening = "[\"";
        for word in words {
            self.out.push_str(opening);
            self.out.push_str(word);
            opening = "\",\"";
        }
        self.out
            .push_str(if opening == "[\"" { "[]" } else { "\"]" });
    }
}

fn push_string(out: &mut String, value: &str) {
    out.push('"');
    let mut plain_from = 0;
    for (at, byte) in value.bytes().enumerate() {
        if matches!(byte, b'"' | b'\\') || byte < b' ' {
            out.push_str(&value[plain_from..at]);
            plain_from = at + 1;
            match byte {
                b'"' => out.push_str("\\\""),
                b'\\' => out.push_str("\\\\"),
                _ => {
                    out.push_str("\\u00");
                    out.push(HEXADECIMAL[usize::from(byte >> 4)] as char);
                    out.push(HEXADECIMAL[usize::from(byte & 15)] as char);
                }
            }
        }
    }
    out.push_str(&value[plain_from..]);
    out.push('"');
}

const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";

//! Reconciliation: how our books stand beside the broker's, as operators see it.

use super::show::{Paint, rows, text};
use serde_json::Value;
use std::fmt::Write as _;

/// Nothing where nothing is compared.
pub(super) fn show(out: &mut String, answer: &Value, paint: Paint) {
    let of = &answer["reconciliation"];
    if !of.is_object() {
        return;
    }
    if let Some(why) = of["blind"].as_str() {
        let _ = writeln!(out, "{} {why}", paint.alarm("not reconciled:"));
    }
    let _ = writeln!(
        out,
        "{} of our books differ from the broker's files, {} healed, {} halted, in {} looks",
        text(of, "findings_count"),
        text(of, "healed"),
        text(of, "halted"),
        text(of, "looks"),
    );
    for finding in rows(of, "findings") {
        let word = text(finding, "severity");
        let word = match word.as_str() {
            "critical" => paint.alarm(&word),
            _ => word,
        };
        let part = |name: &str| finding[name].as_str().map(|text| format!(" {text}"));
        let place: String = ["account", "symbol", "currency"]
            .into_iter()
            .filter_map(part)
            .collect();
        let qty = finding["lacks_qty"].as_str().filter(|qty| *qty != "0");
        let lacks = match qty {
            Some(qty) => qty.to_owned(),
            None => format!("{} in cash", text(finding, "lacks_cash")),
        };
        let kind = text(finding, "kind").replace('_', " ");
        let _ = writeln!(
            out,
            "  {word}{place}: {kind}, our books lack {lacks}: {} ({})",
            text(finding, "explanation"),
            text(finding, "standing"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_differs_stands_with_its_place_and_what_accounts_for_it() {
        let answer = json!({"reconciliation": {
            "blind": null, "findings_count": 1, "healed": 2, "halted": 1, "looks": 9,
            "findings": [{
                "severity": "critical", "account": "A", "symbol": "X", "kind": "missing_here",
                "lacks_qty": "60", "explanation": "execution e2", "standing": "halted",
            }],
        }});
        let mut out = String::new();
        show(&mut out, &answer, Paint { is_colored: false });
        assert_eq!(
            out,
            "1 of our books differ from the broker's files, 2 healed, 1 halted, in 9 looks\n  \
             critical A X: missing here, our books lack 60: execution e2 (halted)\n"
        );
        let mut out = String::new();
        show(&mut out, &json!({}), Paint { is_colored: false });
        assert_eq!(out, "");
    }
}

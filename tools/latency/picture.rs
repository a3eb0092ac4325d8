//! Picture: histograms as an SVG, one above the other, on a logarithmic axis of time.

use super::{Latency, micros};
use portcullis::units::Nanos;
use std::fmt::Write as _;

/// Draws each histogram that has anything in it, with marks at its p50 and its p99.
pub(crate) fn svg<'a>(
    title: &str,
    rows: impl IntoIterator<Item = (&'a str, &'a Latency)>,
) -> String {
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|(_, row)| row.count() != 0)
        .collect();
    let height = TOP + ROW * rows.len() as u64 + BOTTOM;
    let width = LEFT + BAR * BUCKETS + RIGHT;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{}</text>\n",
        escaped(title)
    );
    for (at, (name, latency)) in rows.iter().enumerate() {
        draw(&mut out, TOP + ROW * at as u64, name, latency);
    }
    let axis = TOP + ROW * rows.len() as u64 + 16;
    for decade in 0..DECADES {
        let x = LEFT + BAR * decade * BUCKETS_PER_DECADE;
        let label = micros(Nanos::from_raw(FIRST * 10u64.pow(decade as u32)));
        let _ = writeln!(
            out,
            "<text x=\"{x}\" y=\"{axis}\" fill=\"#555\">{label} us</text>"
        );
    }
    out.push_str("</svg>\n");
    out
}

fn draw(out: &mut String, top: u64, name: &str, latency: &Latency) {
    let base = top + ROW - GAP;
    let counts: Vec<u64> = (0..BUCKETS)
        .map(|bucket| latency.count_between(edge(bucket), edge(bucket + 1)))
        .collect();
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let _ = writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"{}\">{}: {} in all, p50 {}, p99 {}, max {} us</text>",
        top + 12,
        escaped(name),
        latency.count(),
        micros(latency.percentile(50_000)),
        micros(latency.percentile(99_000)),
        micros(latency.max())
    );
    for (bucket, count) in counts.iter().enumerate().filter(|(_, count)| **count != 0) {
        // What happened once can still be seen.
        let height = (u128::from(*count) * u128::from(BAR_HEIGHT) / u128::from(most)).max(1);
        let (x, y) = (LEFT + BAR * bucket as u64, u128::from(base) - height);
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{height}\" fill=\"#3b6ea5\"/>",
            BAR - 1
        );
    }
    for part in [50_000, 99_000] {
        let mark = latency.percentile(part);
        let bucket = (1..BUCKETS)
            .find(|bucket| mark < edge(*bucket))
            .unwrap_or(BUCKETS)
            - 1;
        let x = LEFT + BAR * bucket + BAR / 2;
        let _ = writeln!(
            out,
            "<path d=\"M{x} {base}v-{BAR_HEIGHT}\" stroke=\"#c0392b\" stroke-dasharray=\"2 3\"/>"
        );
    }
    let right = LEFT + BAR * BUCKETS;
    let _ = writeln!(out, "<path d=\"M{LEFT} {base}H{right}\" stroke=\"#999\"/>");
}

/// Where a bucket begins. The steps within a decade are about equal on the axis.
fn edge(bucket: u64) -> Nanos {
    let decade = FIRST * 10u64.pow((bucket / BUCKETS_PER_DECADE) as u32);
    let step = STEPS_PER_MILLE[(bucket % BUCKETS_PER_DECADE) as usize];
    Nanos::from_raw(decade * step / 1_000)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// The axis begins here, in nanoseconds.
const FIRST: u64 = 100;
const DECADES: u64 = 8;
const BUCKETS_PER_DECADE: u64 = 10;
const BUCKETS: u64 = DECADES * BUCKETS_PER_DECADE;
/// The powers of the tenth root of ten.
const STEPS_PER_MILLE: [u64; 10] = [
    1_000, 1_259, 1_585, 1_995, 2_512, 3_162, 3_981, 5_012, 6_310, 7_943,
];
const LEFT: u64 = 20;
const RIGHT: u64 = 40;
const TOP: u64 = 36;
const BOTTOM: u64 = 28;
const ROW: u64 = 130;
const GAP: u64 = 12;
const BAR: u64 = 9;
const BAR_HEIGHT: u64 = 96;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_rise_and_every_value_is_drawn_once() {
        for bucket in 0..BUCKETS {
            assert!(edge(bucket) < edge(bucket + 1));
        }
        let mut latency = Latency::new();
        for nanos in [150, 1_000, 1_000, 90_000, 2_000_000] {
            latency.record(Nanos::from_raw(nanos));
        }
        let picture = svg("a < b", [("all", &latency)]);
        assert_eq!(picture.matches("#3b6ea5").count(), 4, "{picture}");
        assert!(picture.contains("a &lt; b"));
    }
}

//! Svg: the strokes that the pictures of commands are made of. One panel below the other, each with
//! axes, curves and a legend at its right.

use std::fmt::Write as _;

/// How high one panel is.
const HEIGHT: f64 = 560.0;
/// Where the curves of a panel are.
pub(super) const LEFT: f64 = 90.0;
pub(super) const RIGHT: f64 = 690.0;
pub(super) const TOP: f64 = 70.0;
pub(super) const BOTTOM: f64 = 490.0;

/// Told apart by those who do not see all colours, too.
const COLOURS: [&str; 8] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666", "#000000",
];

/// How the curve of one series is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pen {
    at: usize,
    pub(super) colour: &'static str,
    dash: &'static str,
}

/// A picture under way.
#[derive(Debug)]
pub(super) struct Svg {
    width: u32,
    panel_count: u32,
    body: String,
}

impl Pen {
    /// Of the series at a place of the legend. The ninth and further ones are dashed.
    pub(super) fn new(at: usize) -> Self {
        Self {
            at,
            colour: COLOURS[at % COLOURS.len()],
            dash: match at < COLOURS.len() {
                true => "",
                false => " stroke-dasharray=\"6 4\"",
            },
        }
    }
}

impl Svg {
    /// So wide that titles and legends have room.
    pub(super) const fn new(width: u32) -> Self {
        Self {
            width,
            panel_count: 0,
            body: String::new(),
        }
    }

    /// A further panel, below the others.
    pub(super) fn panel(&mut self, title: &str) {
        if self.panel_count != 0 {
            self.body.push_str("</g>\n");
        }
        let _ = writeln!(
            self.body,
            "<g transform=\"translate(0 {})\">\n\
             <text x=\"{LEFT}\" y=\"34\" font-size=\"19\" font-weight=\"bold\">{}</text>",
            f64::from(self.panel_count) * HEIGHT,
            escaped(title)
        );
        self.panel_count += 1;
    }

    /// A line from the bottom to the top.
    pub(super) fn upright(&mut self, x: f64, label: &str) {
        let _ = writeln!(
            self.body,
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{BOTTOM}\" stroke=\"#cccccc\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
            BOTTOM + 20.0
        );
    }

    /// The same, faint and without a label.
    pub(super) fn upright_faint(&mut self, x: f64) {
        let _ = writeln!(
            self.body,
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{BOTTOM}\" stroke=\"#f0f0f0\"/>"
        );
    }

    /// A line from the left to the right.
    pub(super) fn level(&mut self, y: f64, label: &str) {
        let _ = writeln!(
            self.body,
            "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{RIGHT}\" y2=\"{y:.1}\" stroke=\"#cccccc\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            LEFT - 8.0,
            y + 4.0
        );
    }

    /// What the axes count.
    pub(super) fn axes(&mut self, across: &str, up: &str) {
        let _ = writeln!(
            self.body,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{across}</text>\n\
             <text transform=\"translate(22 {:.1}) rotate(-90)\" text-anchor=\"middle\">{up}</text>",
            (LEFT + RIGHT) / 2.0,
            BOTTOM + 48.0,
            (TOP + BOTTOM) / 2.0
        );
    }

    /// A line through points.
    pub(super) fn curve(&mut self, pen: Pen, points: impl IntoIterator<Item = (f64, f64)>) {
        let Pen { colour, dash, .. } = pen;
        let _ = write!(
            self.body,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dash} points=\""
        );
        for (x, y) in points {
            let _ = write!(self.body, "{x:.1},{y:.1} ");
        }
        self.body.push_str("\"/>\n");
    }

    /// A point that is worth a look.
    pub(super) fn dot(&mut self, pen: Pen, x: f64, y: f64) {
        let _ = writeln!(
            self.body,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{}\"/>",
            pen.colour
        );
    }

    /// A filled rectangle: its upper left corner, its width and height. `about` is told where it is
    /// pointed at.
    pub(super) fn block(&mut self, at: (f64, f64), size: (f64, f64), colour: &str, about: &str) {
        let ((x, y), (width, height)) = (at, size);
        let _ = writeln!(
            self.body,
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" \
             fill=\"{colour}\"><title>{}</title></rect>",
            escaped(about)
        );
    }

    /// A word that ends here; upright, it stands below.
    pub(super) fn word(&mut self, (x, y): (f64, f64), size: f64, is_upright: bool, text: &str) {
        let turn = if is_upright { " rotate(-90)" } else { "" };
        let _ = writeln!(
            self.body,
            "<text transform=\"translate({x:.1} {y:.1}){turn}\" font-size=\"{size:.1}\" \
             text-anchor=\"end\">{}</text>",
            escaped(text)
        );
    }

    /// What a curve is, and a line about it.
    pub(super) fn legend(&mut self, pen: Pen, name: &str, detail: &str) {
        let Pen { at, colour, dash } = pen;
        let (x, y) = (RIGHT + 20.0, TOP + 8.0 + at as f64 * 40.0);
        let _ = writeln!(
            self.body,
            "<line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"{colour}\" \
             stroke-width=\"3\"{dash}/><text x=\"{:.1}\" y=\"{:.1}\">{}</text>\
             <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"#555555\">{}</text>",
            x + 22.0,
            x + 30.0,
            y + 4.0,
            escaped(name),
            x + 30.0,
            y + 19.0,
            escaped(detail)
        );
    }

    /// The whole file.
    pub(super) fn finish(self) -> String {
        let (width, height) = (self.width, f64::from(self.panel_count) * HEIGHT);
        let end = if self.panel_count == 0 { "" } else { "</g>\n" };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{}{end}</svg>\n",
            self.body
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

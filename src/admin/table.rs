//! Table: rows of text under a head, in columns.

/// Rows under a head. A column of nothing but numbers stands to the right.
#[derive(Debug)]
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        Self {
            head: head.iter().map(|text| (*text).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// One more row, of as many cells as the head has.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        assert!(cells.len() == self.head.len());
        self.rows.push(cells);
    }

    /// All of it, each line with its end.
    pub(crate) fn write(&self, out: &mut String) {
        let columns: Vec<_> = (0..self.head.len()).map(|at| self.column(at)).collect();
        for row in std::iter::once(&self.head).chain(&self.rows) {
            let mut line = String::new();
            for (cell, (width, is_right)) in row.iter().zip(&columns) {
                let space = " ".repeat(width - cell.chars().count());
                let (before, after) = if *is_right {
                    (space, String::new())
                } else {
                    (String::new(), space)
                };
                line.push_str(&before);
                line.push_str(cell);
                line.push_str(&after);
                line.push_str("  ");
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }

    /// The width of a column, and whether it stands to the right.
    fn column(&self, at: usize) -> (usize, bool) {
        let cells = || self.rows.iter().map(|row| row[at].as_str());
        let widths = cells()
            .chain([self.head[at].as_str()])
            .map(|cell| cell.chars().count());
        let is_number = |cell: &str| {
            let is_digits = cell
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte));
            is_digits || cell == OFF
        };
        (
            widths.max().unwrap_or(0),
            cells().all(is_number) && !self.rows.is_empty(),
        )
    }
}

/// What stands where nobody knows.
pub(crate) const UNKNOWN: &str = "-";
/// What stands where there is no limit.
pub(crate) const OFF: &str = "off";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_and_words_to_the_left() {
        let mut table = Table::new(&["name", "qty", "max"]);
        table.row(vec!["a".to_owned(), "-1.5".to_owned(), "off".to_owned()]);
        table.row(vec!["long".to_owned(), "1000".to_owned(), "7".to_owned()]);
        let mut out = String::new();
        table.write(&mut out);
        assert_eq!(out, "name   qty  max\na     -1.5  off\nlong  1000    7\n");
    }
}

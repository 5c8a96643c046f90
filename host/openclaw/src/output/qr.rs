//! A text as a QR code for a terminal. Knows nothing of what the text means.

use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};

use super::Output;

/// Black on white, whatever the terminal's colours are.
const PAPER: &str = "\u{1b}[47m\u{1b}[30m";
const END: &str = "\u{1b}[0m";

/// The picture, two modules in each character, with the margin that scanners want. `None`: the text is too long for one.
///
/// Without colours the light modules are what is printed, as it suits a dark terminal.
pub(crate) fn draw(text: &str, output: Output) -> Option<String> {
    // The lowest level of correction: a screen has no scratches, and the picture stays small.
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let (dark, light) =
        if output.color { (Dense1x2::Dark, Dense1x2::Light) } else { (Dense1x2::Light, Dense1x2::Dark) };
    let picture = code.render::<Dense1x2>().dark_color(dark).light_color(light).build();
    if !output.color {
        return Some(picture);
    }
    Some(picture.lines().map(|line| format!("{PAPER}{line}{END}")).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_pictures_show_the_same_modules() {
        let plain = draw("OPENCLAW", Output { columns: None, color: false }).unwrap();
        let lines: Vec<&str> = plain.lines().collect();
        // 21 modules and a margin of 4 on each side, two of them in a line.
        assert_eq!(lines.len(), 15);
        assert!(lines.iter().all(|line| line.chars().count() == 29));
        assert_eq!(lines[0], "\u{2588}".repeat(29), "the margin is light");
        let finder = "\u{2588}\u{2588}\u{2588}\u{2588} \u{2584}\u{2584}\u{2584}\u{2584}\u{2584} \u{2588}";
        assert!(lines[2].starts_with(finder), "{plain}");

        let painted = draw("OPENCLAW", Output { columns: Some(80), color: true }).unwrap();
        let invert = |character: char| match character {
            '\u{2588}' => ' ',
            ' ' => '\u{2588}',
            '\u{2580}' => '\u{2584}',
            '\u{2584}' => '\u{2580}',
            other => other,
        };
        // The last line has one row of modules alone.
        for (line, painted) in lines.iter().zip(painted.lines()).take(14) {
            let bare = painted.strip_prefix(PAPER).unwrap().strip_suffix(END).unwrap();
            let inverted: String = bare.chars().map(invert).collect();
            assert_eq!(inverted, *line);
        }
    }

    #[test]
    fn what_is_too_long_has_no_picture() {
        let output = Output { columns: None, color: false };
        assert!(draw(&"x".repeat(2_953), output).is_some());
        assert!(draw(&"x".repeat(2_954), output).is_none());
    }
}

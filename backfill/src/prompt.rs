//! The question that the paper's programs ask.

use std::io::{self, BufRead, Write};

/// How often a wrong answer is asked about again.
const TRIES: usize = 5;

/// Asks how many pictures to take, 1 to `max`. `None` where no answer came.
pub(crate) fn ask(
    max: u64,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> io::Result<Option<u64>> {
    for _ in 0..TRIES {
        write!(output, "How many pictures? (max: {max}) ")?;
        output.flush()?;
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            writeln!(output)?;
            return Ok(None);
        }
        match line.trim().parse() {
            Ok(count) if (1..=max).contains(&count) => return Ok(Some(count)),
            _ => writeln!(output, "A number from 1 to {max} is asked for.")?,
        }
    }
    Ok(None)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn answer(text: &str) -> (Option<u64>, String) {
        let mut output = Vec::new();
        let count = ask(250, &mut text.as_bytes(), &mut output).unwrap();
        (count, String::from_utf8(output).unwrap())
    }

    #[test]
    fn the_question_names_the_maximum() {
        let (count, asked) = answer("50\n");
        assert_eq!(count, Some(50));
        assert_eq!(asked, "How many pictures? (max: 250) ");
    }

    #[test]
    fn what_is_no_number_in_range_is_asked_about_again() {
        let (count, asked) = answer("many\n0\n251\n-1\n 250 \n");
        assert_eq!(count, Some(250));
        assert_eq!(asked.matches("How many").count(), 5);
    }

    #[test]
    fn no_answer_is_none_and_the_questions_end() {
        assert_eq!(answer("").0, None);
        let (count, asked) = answer(&"x\n".repeat(100));
        assert_eq!((count, asked.matches("How many").count()), (None, TRIES));
    }
}

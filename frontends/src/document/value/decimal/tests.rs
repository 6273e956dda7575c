//! Decimals against numbers worked out by hand.

use super::*;

fn decimal(text: &str) -> Decimal128 {
    Decimal128::parse(text).unwrap()
}

/// What the operation makes of two numbers, as text.
fn check(cases: &[(&str, &str, &str)], operation: fn(Decimal128, Decimal128) -> Decimal128) {
    for (a, b, expected) in cases {
        let found = operation(decimal(a), decimal(b)).to_string();
        assert_eq!(&found, expected, "of {a} and {b}");
    }
}

#[test]
fn text_comes_back_in_its_standard_form() {
    let nines = "9999999999999999999999999999999999";
    let cases = [
        ("0", "0"),
        ("-0", "-0"),
        ("+1", "1"),
        ("1.50", "1.50"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e3", "1E+3"),
        ("12E+3", "1.2E+4"),
        ("1E-7", "1E-7"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1E-7"),
        ("0E+5", "0E+5"),
        ("0.00", "0.00"),
        ("-123.456e-2", "-1.23456"),
        (nines, nines),
        ("1E6144", "1.000000000000000000000000000000000E+6144"),
        ("1E-6176", "1E-6176"),
        ("4E-6177", "0E-6176"),
        ("6E-6177", "1E-6176"),
        ("0E-9999", "0E-6176"),
        ("0E9999", "0E+6111"),
        ("inf", "Infinity"),
        ("-Infinity", "-Infinity"),
        ("NaN", "NaN"),
        ("12345678901234567890123456789012345", "1.234567890123456789012345678901234E+34"),
        ("12345678901234567890123456789012355", "1.234567890123456789012345678901236E+34"),
        ("12345678901234567890123456789012345.0001", "1.234567890123456789012345678901235E+34"),
        ("99999999999999999999999999999999995", "1.000000000000000000000000000000000E+35"),
    ];
    for (text, expected) in cases {
        assert_eq!(decimal(text).to_string(), expected, "of {text}");
        assert_eq!(decimal(expected).bytes(), decimal(text).bytes(), "of {text}");
    }
    let wrong = ["", ".", "-", "1e", "e5", "1.2.3", "0x1", " 1", "1E6145", "1e99999999999", "nano"];
    for text in wrong {
        assert!(Decimal128::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn bits_are_those_of_the_format() {
    let one = 1_u128 | 6176 << 113;
    assert_eq!(decimal("1").bytes(), one.to_le_bytes());
    assert_eq!(decimal("-0.1").bytes(), (1_u128 | 6175 << 113 | 1 << 127).to_le_bytes());
    assert_eq!(decimal("NaN").bytes()[15], 0x7c);
    assert_eq!(decimal("-inf").bytes()[15], 0xf8);
    // Coefficients of more than 34 digits count as zero, in both layouts.
    let large = Decimal128::from_bytes(((COEFFICIENT_MAX + 1) | (6176 << 113)).to_le_bytes());
    let other = Decimal128::from_bytes((0b11 << 125 | 6176_u128 << 111 | 5).to_le_bytes());
    assert_eq!((large.to_string().as_str(), other.to_string().as_str()), ("0", "0"));
}

#[test]
fn sums_are_exact_and_rounded_once() {
    let cases = [
        ("1", "2", "3"),
        ("0.1", "0.2", "0.3"),
        ("1.0", "2", "3.0"),
        ("1", "-1", "0"),
        ("-1.0", "1", "0.0"),
        ("-0", "-0", "-0"),
        ("-0", "0", "0"),
        ("0E+3", "5", "5"),
        ("1E+3", "1", "1001"),
        ("1E+33", "1", "1000000000000000000000000000000001"),
        ("1E+34", "1", "1.000000000000000000000000000000000E+34"),
        ("1E+34", "5", "1.000000000000000000000000000000000E+34"),
        ("1E+34", "6", "1.000000000000000000000000000000001E+34"),
        ("1E+34", "5.00000001", "1.000000000000000000000000000000001E+34"),
        ("1E+34", "-1", "9999999999999999999999999999999999"),
        ("1E+34", "-0.5", "1.000000000000000000000000000000000E+34"),
        ("1E+34", "-0.6", "9999999999999999999999999999999999"),
        ("1E+80", "1E-80", "1.000000000000000000000000000000000E+80"),
        ("1E+80", "-1E-80", "1.000000000000000000000000000000000E+80"),
        ("-3", "1E-6176", "-3.000000000000000000000000000000000"),
        ("9999999999999999999999999999999999", "1", "1.000000000000000000000000000000000E+34"),
        ("9.999999999999999999999999999999999E+6144", "1E+6111", "Infinity"),
        ("inf", "-1", "Infinity"),
        ("inf", "-inf", "NaN"),
        ("1", "NaN", "NaN"),
    ];
    check(&cases, Decimal128::plus);
    check(&[("3", "5", "-2"), ("1.30", "1.07", "0.23"), ("5", "5", "0")], Decimal128::minus);
}

#[test]
fn products_and_quotients_have_34_digits() {
    let cases = [
        ("1.20", "3", "3.60"),
        ("-2", "3", "-6"),
        ("0", "-5", "-0"),
        ("inf", "-2", "-Infinity"),
        ("inf", "0", "NaN"),
        ("1E+6000", "1E+6000", "Infinity"),
        ("1E-6000", "1E-6000", "0E-6176"),
        (
            "9999999999999999999999999999999999",
            "9999999999999999999999999999999999",
            "9.999999999999999999999999999999998E+67",
        ),
        // 1219326311370217952237463801111263526900, exactly.
        ("12345678901234567890", "98765432109876543210", "1.219326311370217952237463801111264E+39"),
    ];
    check(&cases, Decimal128::times);
    let third = "0.3333333333333333333333333333333333";
    let cases = [
        ("1", "3", third),
        ("2", "3", "0.6666666666666666666666666666666667"),
        ("6", "3", "2"),
        ("1", "8", "0.125"),
        ("2.40", "2", "1.20"),
        ("100", "1E+2", "1.00"),
        ("1E+2", "100", "1"),
        ("-1", "0", "-Infinity"),
        ("0", "0", "NaN"),
        ("0", "5", "0"),
        ("1", "inf", "0E-6176"),
        ("inf", "inf", "NaN"),
        ("1E-6176", "2", "0E-6176"),
        ("3E-6176", "2", "2E-6176"),
    ];
    check(&cases, Decimal128::divided_by);
}

#[test]
fn remainders_are_exact_and_keep_the_sign() {
    let cases = [
        ("10", "3", "1"),
        ("-10", "3", "-1"),
        ("10", "-3", "1"),
        ("1", "0.3", "0.1"),
        ("1E+6000", "7", "1"),
        ("5", "1E+40", "5"),
        ("5.5", "inf", "5.5"),
        ("1", "0", "NaN"),
        ("inf", "2", "NaN"),
        ("0.7", "7", "0.7"),
        ("3E+2", "1E+3", "3E+2"),
    ];
    check(&cases, Decimal128::remainder);
}

#[test]
fn roots_are_rounded_to_the_nearest() {
    let roots = [
        ("4", "2"),
        ("2", "1.414213562373095048801688724209698"),
        ("0.25", "0.5"),
        ("1E+2", "1E+1"),
        ("10", "3.162277660168379331998893544432719"),
        ("0", "0"),
        ("-1", "NaN"),
        ("16.00", "4.0"),
        ("3", "1.732050807568877293527446341505872"),
        ("inf", "Infinity"),
    ];
    for (number, root) in roots {
        assert_eq!(decimal(number).sqrt().to_string(), root, "of {number}");
    }
}

#[test]
fn rounding_goes_where_it_is_sent() {
    let round = |text: &str, places| decimal(text).round(places).to_string();
    let cases = [
        ("2.5", 0, "2"),
        ("3.5", 0, "4"),
        ("-2.5", 0, "-2"),
        ("2.51", 0, "3"),
        ("1.005", 2, "1.00"),
        ("1.5", 3, "1.500"),
        ("1250", -2, "1.2E+3"),
        ("1251", -2, "1.3E+3"),
        ("49", -2, "0E+2"),
        ("51", -2, "1E+2"),
        ("1E+3", 0, "1000"),
        ("inf", 2, "Infinity"),
    ];
    for (text, places, expected) in cases {
        assert_eq!(round(text, places), expected, "of {text} to {places}");
    }
    let whole = |text: &str| {
        let number = decimal(text);
        [number.floor(), number.ceil(), number.trunc(0)].map(|it| it.to_string()).join(" ")
    };
    assert_eq!(whole("1.5"), "1 2 1");
    assert_eq!(whole("-1.5"), "-2 -1 -1");
    assert_eq!(whole("-0.5"), "-1 -0 -0");
    assert_eq!(decimal("7E+3").floor().to_string(), "7E+3");
    assert_eq!(decimal("-1.29").trunc(1).to_string(), "-1.2");
}

#[test]
fn doubles_become_what_they_were_written_as() {
    let text = |number| Decimal128::from_f64(number).to_string();
    assert_eq!(text(0.1), "0.100000000000000");
    assert_eq!(text(2.5), "2.50000000000000");
    assert_eq!(text(-1e300), "-1.00000000000000E+300");
    assert_eq!((text(0.0), text(-0.0)), ("0".into(), "-0".into()));
    assert_eq!((text(f64::NAN), text(f64::NEG_INFINITY)), ("NaN".into(), "-Infinity".into()));
    let precise = Decimal128::from_f64_precise(0.1).to_string();
    assert_eq!(precise, "0.1000000000000000055511151231257827");
    assert_eq!(Decimal128::from(i64::MIN).to_string(), "-9223372036854775808");
}

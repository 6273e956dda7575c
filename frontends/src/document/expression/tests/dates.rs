use super::{NOW, check};
use crate::doc;
use crate::document::value::{DateTime, Document};

fn dates() -> Document<'static> {
    doc! {
        "at": NOW, "n": null, "epoch": (DateTime::from_millis(0)),
        "old": (DateTime::from_millis(-1)), "zone": "Europe/Berlin", "s": "x",
        "newyear": (DateTime::from_millis(1_609_459_200_000))
    }
}

#[test]
fn parts_of_dates_are_those_of_the_zone() {
    check(
        &dates(),
        vec![
            (doc! { "$year": "$at" }, "2024"),
            (doc! { "$month": "$at" }, "2"),
            (doc! { "$dayOfMonth": "$at" }, "29"),
            (doc! { "$hour": "$at" }, "12"),
            (doc! { "$minute": "$at" }, "30"),
            (doc! { "$second": "$at" }, "45"),
            (doc! { "$millisecond": "$at" }, "678"),
            (doc! { "$dayOfWeek": "$at" }, "5"),
            (doc! { "$dayOfYear": "$at" }, "60"),
            (doc! { "$week": "$at" }, "8"),
            (doc! { "$isoWeek": "$at" }, "9"),
            (doc! { "$isoDayOfWeek": "$at" }, "4"),
            (doc! { "$isoWeekYear": "$newyear" }, "Long(2020)"),
            (doc! { "$isoWeek": "$newyear" }, "53"),
            (doc! { "$year": "$old" }, "1969"),
            (doc! { "$millisecond": "$old" }, "999"),
            (doc! { "$hour": {"date": "$at", "timezone": "Europe/Berlin"} }, "13"),
            (doc! { "$hour": {"date": "$at", "timezone": "$zone"} }, "13"),
            (doc! { "$hour": {"date": "$at", "timezone": "+05:30"} }, "18"),
            (doc! { "$hour": {"date": "$at", "timezone": "-0330"} }, "9"),
            (doc! { "$hour": {"date": "$at", "timezone": "Mars/Base"} }, "error 40485"),
            (doc! { "$hour": {"date": "$at", "timezone": "$n"} }, "null"),
            (doc! { "$hour": ["$at"] }, "12"),
            (doc! { "$hour": ["$at", "$at"] }, "error 40536"),
            (doc! { "$hour": "$none" }, "null"),
            (doc! { "$hour": "$s" }, "error 16006"),
            (
                doc! { "$dateToParts": {"date": "$at", "timezone": "Asia/Tokyo"} },
                "{\"year\": 2024, \"month\": 2, \"day\": 29, \"hour\": 21, \"minute\": 30, \
                 \"second\": 45, \"millisecond\": 678}",
            ),
            (
                doc! { "$dateToParts": {"date": "$newyear", "iso8601": true} },
                "{\"isoWeekYear\": 2020, \"isoWeek\": 53, \"isoDayOfWeek\": 5, \"hour\": 0, \
                 \"minute\": 0, \"second\": 0, \"millisecond\": 0}",
            ),
        ],
    );
}

#[test]
fn dates_are_made_of_parts_that_carry_over() {
    check(
        &dates(),
        vec![
            (
                doc! { "$dateFromParts": {"year": 2024, "month": 2, "day": 29, "hour": 12} },
                "Date(1709208000000)",
            ),
            (
                doc! { "$dateFromParts": {"year": 2023, "month": 14, "day": 29} },
                "Date(1709164800000)",
            ),
            (
                doc! { "$dateFromParts": {"year": 2024, "month": 3, "day": 0} },
                "Date(1709164800000)",
            ),
            (
                doc! { "$dateFromParts": {"year": 2024, "timezone": "America/New_York"} },
                "Date(1704085200000)",
            ),
            (
                doc! { "$dateFromParts": {"isoWeekYear": 2020, "isoWeek": 53, "isoDayOfWeek": 5} },
                "Date(1609459200000)",
            ),
            (doc! { "$dateFromParts": {"year": 0} }, "error 40523"),
            (doc! { "$dateFromParts": {"year": "x"} }, "error 40515"),
            (doc! { "$dateFromParts": {"month": 1} }, "error 40516"),
            (doc! { "$dateFromParts": {"year": 2024, "isoWeek": 1} }, "error 40525"),
            (doc! { "$dateFromParts": {"year": "$n"} }, "null"),
        ],
    );
}

#[test]
fn dates_become_text_and_text_dates() {
    let formatted = "%d/%m/%Y %H:%M:%S.%L %z %Z %j %w %u %U %V %G %b %B %%";
    check(
        &dates(),
        vec![
            (doc! { "$dateToString": {"date": "$at"} }, "\"2024-02-29T12:30:45.678Z\""),
            (
                doc! { "$dateToString": {"date": "$at", "timezone": "Asia/Kolkata"} },
                "\"2024-02-29T18:00:45.678\"",
            ),
            (
                doc! { "$dateToString": {"date": "$at", "format": formatted} },
                "\"29/02/2024 12:30:45.678 +0000 0 060 5 4 08 09 2024 Feb February %\"",
            ),
            (doc! { "$dateToString": {"date": "$at", "format": "%Q"} }, "error 18536"),
            (doc! { "$dateToString": {"date": "$at", "format": "%"} }, "error 18535"),
            (doc! { "$dateToString": {"date": "$n"} }, "null"),
            (doc! { "$dateToString": {"date": "$n", "onNull": "-"} }, "\"-\""),
            (doc! { "$dateToString": {"date": "$s"} }, "error 16006"),
            (
                doc! { "$dateFromString": {"dateString": "2017-02-08T12:10:40.787"} },
                "Date(1486555840787)",
            ),
            (
                doc! { "$dateFromString": {"dateString": "2017-02-08T12:10:40.787",
                "timezone": "America/New_York"} },
                "Date(1486573840787)",
            ),
            (doc! { "$dateFromString": {"dateString": "2017-02-08"} }, "Date(1486512000000)"),
            (
                doc! { "$dateFromString": {"dateString": "2017-02-08T12:10:40+0100"} },
                "Date(1486552240000)",
            ),
            (
                doc! { "$dateFromString": {"dateString": "2017-02-08T12:10:40Z",
                "timezone": "+01"} },
                "error 241",
            ),
            (
                doc! { "$dateFromString": {"dateString": "06-15-2018", "format": "%m-%d-%Y"} },
                "Date(1529020800000)",
            ),
            (doc! { "$dateFromString": {"dateString": "Jun 15, 2018"} }, "Date(1529020800000)"),
            (doc! { "$dateFromString": {"dateString": "2018-02-30"} }, "error 241"),
            (doc! { "$dateFromString": {"dateString": "x", "onError": "bad"} }, "\"bad\""),
            (doc! { "$dateFromString": {"dateString": 5} }, "error 241"),
            (doc! { "$dateFromString": {"dateString": "$n", "onNull": 0} }, "0"),
        ],
    );
}

#[test]
fn steps_of_the_calendar_keep_to_months_and_clocks() {
    let jan31 = DateTime::from_millis(1_706_659_200_000);
    // Clocks of Berlin were put forward on 2024-03-31 at 01:00 UTC.
    let before = DateTime::from_millis(1_711_800_000_000);
    check(
        &dates(),
        vec![
            (
                doc! { "$dateAdd": {"startDate": jan31, "unit": "month", "amount": 1} },
                "Date(1709164800000)",
            ),
            (
                doc! { "$dateAdd": {"startDate": "$at", "unit": "year", "amount": 1} },
                "Date(1740745845678)",
            ),
            (
                doc! { "$dateAdd": {"startDate": before, "unit": "day", "amount": 1,
                "timezone": "Europe/Berlin"} },
                "Date(1711882800000)",
            ),
            (
                doc! { "$dateAdd": {"startDate": before, "unit": "hour", "amount": 24,
                "timezone": "Europe/Berlin"} },
                "Date(1711886400000)",
            ),
            (
                doc! { "$dateSubtract": {"startDate": "$epoch", "unit": "week", "amount": 1} },
                "Date(-604800000)",
            ),
            (doc! { "$dateAdd": {"startDate": "$epoch", "unit": "aeon", "amount": 1} }, "error 9"),
            (
                doc! { "$dateAdd": {"startDate": "$epoch", "unit": "day", "amount": 1.5} },
                "error 5166405",
            ),
            (
                doc! { "$dateAdd": {"startDate": "$epoch", "unit": "year", "amount": i64::MAX} },
                "error 15",
            ),
            (doc! { "$dateAdd": {"startDate": "$n", "unit": "day", "amount": 1} }, "null"),
            (
                doc! { "$dateDiff": {"startDate": "$epoch", "endDate": "$at", "unit": "day"} },
                "Long(19782)",
            ),
            (
                doc! { "$dateDiff": {"startDate": "$newyear", "endDate": "$at",
                "unit": "quarter"} },
                "Long(12)",
            ),
            (
                doc! { "$dateDiff": {"startDate": "$old", "endDate": "$epoch", "unit": "year"} },
                "Long(1)",
            ),
            (
                doc! { "$dateDiff": {"startDate": "$old", "endDate": "$epoch", "unit": "week",
                "startOfWeek": "thursday"} },
                "Long(1)",
            ),
            (
                doc! { "$dateDiff": {"startDate": "$old", "endDate": "$epoch", "unit": "week"} },
                "Long(0)",
            ),
            (doc! { "$dateTrunc": {"date": "$at", "unit": "month"} }, "Date(1706745600000)"),
            (
                doc! { "$dateTrunc": {"date": "$at", "unit": "hour", "binSize": 6} },
                "Date(1709208000000)",
            ),
            (doc! { "$dateTrunc": {"date": "$at", "unit": "week"} }, "Date(1708819200000)"),
            (
                doc! { "$dateTrunc": {"date": "$at", "unit": "week", "startOfWeek": "mon"} },
                "Date(1708905600000)",
            ),
            (
                doc! { "$dateTrunc": {"date": "$at", "unit": "day", "timezone": "Europe/Berlin"} },
                "Date(1709161200000)",
            ),
            (doc! { "$dateTrunc": {"date": "$at", "unit": "day", "binSize": 0} }, "error 5439018"),
        ],
    );
}

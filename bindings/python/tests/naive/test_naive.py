"""The naive evaluator gives the answers of the tables, which are written by hand."""

import itertools
from pathlib import Path
from typing import Any

import pytest

import naive
from naive import encoding, extended_json, generate
from naive.values import Date, bson_size

TABLES = Path(__file__).parent / "tables"
NOW = Date(1700000000123)


def table(name: str) -> list[Any]:
    """Cases of a table; those of groups with what their group has."""
    found = []
    for entry in extended_json.loads((TABLES / f"{name}.json").read_text()):
        shared = {key: value for key, value in entry.items() if key != "cases"}
        found += [{**shared, **case} for case in entry["cases"]] if "cases" in entry else [entry]
    return [pytest.param(case, id=case["name"]) for case in found]


def cases(name: str) -> Any:
    return pytest.mark.parametrize("case", table(name))


def check(case: dict[str, Any], answer: Any) -> None:
    """The answer is as expected, types and order of fields and all, or is the expected error."""
    if "error" in case:
        with pytest.raises(naive.Refused) as refused:
            answer()
        assert case["error"] is True or refused.value.code == case["error"]
        return
    found = answer()
    expected = naive.MISSING if case.get("missing") else case["expected"]
    assert naive.identical(found, expected), (
        f"{found!r} is not {expected!r} (canonically: {text(found)})"
    )


def text(value: Any) -> str:
    return "missing" if value is naive.MISSING else extended_json.dumps(value)


@cases("order")
def test_values_have_one_order(case):
    values = case.get("ascending") or case["equal"]
    for (i, a), (j, b) in itertools.product(enumerate(values), repeat=2):
        wanted = (i > j) - (i < j) if "ascending" in case else 0
        assert naive.compare(a, b) == wanted, (a, b)


@cases("sort")
def test_documents_are_sorted(case):
    check(
        case,
        lambda: [each["_id"] for each in naive.sort_documents(case["documents"], case["sort"])],
    )


@cases("filters")
def test_a_filter_matches(case):
    def answer():
        found = enumerate(case["documents"])
        return [at for at, document in found if naive.matches(case["filter"], document)]

    check(case, answer)


@cases("updates")
def test_an_update_changes(case):
    check(
        case,
        lambda: naive.apply(
            case["document"],
            case["update"],
            filter=case.get("filter"),
            array_filters=case.get("arrayFilters", []),
            now=NOW,
        ),
    )


@cases("upserts")
def test_an_upsert_inserts(case):
    check(case, lambda: naive.upsert(case["filter"], case["update"], now=NOW, new_id="new"))


@cases("projections")
def test_a_projection_shows(case):
    def answer():
        return naive.Projection(case["projection"]).apply(case["document"], case.get("filter"))

    check(case, answer)


@cases("expressions")
def test_an_expression_has_a_value(case):
    check(case, lambda: naive.evaluate(case["expression"], case.get("document", {})))


@cases("pipelines")
def test_a_pipeline_gives_documents(case):
    check(
        case,
        lambda: naive.run(case["pipeline"], case["documents"], {"other": case.get("other", [])}),
    )


# What must hold of anything: laws that tie parts of the evaluator to each other.

SEEDS = range(60)
each_seed = pytest.mark.parametrize("seed", SEEDS)


def laws(seed: int) -> tuple[generate.Generator, list[Any]]:
    chosen = generate.Generator(seed)
    return chosen, chosen.documents(20)


@each_seed
def test_the_order_is_total(seed):
    chosen = generate.Generator(seed)
    values = [chosen.value() for _ in range(25)]
    for a, b in itertools.product(values, repeat=2):
        assert naive.compare(a, b) == -naive.compare(b, a)
    ordered = sorted(values, key=naive.key)
    for a, b in itertools.combinations(ordered, 2):
        assert naive.compare(a, b) <= 0, (a, b)


@each_seed
def test_extended_json_gives_a_value_back(seed):
    for document in laws(seed)[1]:
        again = extended_json.loads(extended_json.dumps(document))
        assert naive.identical(document, again)


@each_seed
def test_bytes_give_a_value_back(seed):
    for document in laws(seed)[1]:
        data = encoding.encode(document)
        assert len(data) == bson_size(document)
        assert naive.identical(document, encoding.decode(data))


def test_every_type_has_its_bytes():
    """Spelled out by BSON's specification: type, name, value."""
    text = {
        '{"a": 1}': "10 6100 01000000",
        '{"a": {"$numberLong": "-2"}}': "12 6100 feffffffffffffff",
        '{"a": 1.5}': "01 6100 000000000000f83f",
        '{"a": "hi"}': "02 6100 03000000 686900",
        '{"a": {"b": null}}': "03 6100 08000000 0a 6200 00",
        '{"a": [true]}': "04 6100 09000000 08 3000 01 00",
        '{"a": {"$binary": {"base64": "AQI=", "subType": "05"}}}': "05 6100 02000000 05 0102",
        '{"a": {"$undefined": true}}': "06 6100",
        '{"a": {"$oid": "0102030405060708090a0b0c"}}': "07 6100 0102030405060708090a0b0c",
        '{"a": {"$date": {"$numberLong": "1"}}}': "09 6100 0100000000000000",
        '{"a": {"$regularExpression": {"pattern": "x", "options": "i"}}}': "0b 6100 7800 6900",
        '{"a": {"$code": "f"}}': "0d 6100 02000000 6600",
        '{"a": {"$symbol": "s"}}': "0e 6100 02000000 7300",
        '{"a": {"$code": "f", "$scope": {}}}': "0f 6100 0f000000 02000000 6600 0500000000",
        '{"a": {"$timestamp": {"t": 1, "i": 2}}}': "11 6100 02000000 01000000",
        '{"a": {"$numberDecimal": "-1.5"}}': "13 6100 0f000000000000000000000000003eb0",
        '{"a": {"$numberDecimal": "NaN"}}': "13 6100 0000000000000000000000000000007c",
        '{"a": {"$numberDecimal": "Infinity"}}': "13 6100 00000000000000000000000000000078",
        '{"a": {"$minKey": 1}}': "ff 6100",
        '{"a": {"$maxKey": 1}}': "7f 6100",
    }
    for json, hexadecimal in text.items():
        document = extended_json.loads(json)
        data = encoding.encode(document)
        assert data[4:-1].hex() == hexadecimal.replace(" ", ""), json
        assert naive.identical(encoding.decode(data), document)


@each_seed
def test_a_document_matches_a_filter_or_its_opposite(seed):
    chosen, documents = laws(seed)
    for _ in range(10):
        filter, other = chosen.filter(), chosen.filter()
        for document in documents:
            matched = naive.matches(filter, document)
            assert naive.matches({"$nor": [filter]}, document) != matched
            both, either = {"$and": [filter, other]}, {"$or": [filter, other]}
            second = naive.matches(other, document)
            assert naive.matches(both, document) == (matched and second)
            assert naive.matches(either, document) == (matched or second)


@each_seed
def test_operators_are_what_others_say(seed):
    chosen, documents = laws(seed)
    for document, _ in itertools.product(documents, range(10)):
        path, value, other = chosen.path(), chosen.not_a_regex(), chosen.not_a_regex()

        def holds(path: str, condition: Any, document: Any = document) -> bool:
            return naive.matches({path: condition}, document)

        equal = holds(path, {"$eq": value})
        assert holds(path, {"$ne": value}) != equal
        assert holds(path, {"$in": [value, other]}) == (equal or holds(path, {"$eq": other}))
        assert holds(path, {"$nin": [value]}) != equal
        assert holds(path, {"$all": [value]}) == equal
        assert holds(path, {"$not": {"$gt": value}}) != holds(path, {"$gt": value})
        above, below = holds(path, {"$gte": value}), holds(path, {"$lte": value})
        # Only a range of arrays sees them as wholes and by their elements at once.
        assert not equal or (above and below)
        if holds(path, {"$elemMatch": {"$gt": value}}):
            assert holds(path, {"$gt": value})


@each_seed
def test_an_update_twice_is_once(seed):
    """For operators that say what a field is, and not how it changes."""
    chosen, documents = laws(seed)
    for document in documents:
        update = chosen.update()
        if update.keys() & {"$inc", "$mul", "$push", "$pop", "$bit", "$rename", "$pull"}:
            continue
        kind, once = generate.outcome(naive.apply, document, update, now=NOW)
        if kind == "value":
            assert naive.identical(naive.apply(once, update, now=NOW), once)


@each_seed
def test_an_update_leaves_other_fields_alone(seed):
    chosen, documents = laws(seed)
    for document in documents:
        update = chosen.update()
        before = extended_json.dumps(document)
        kind, after = generate.outcome(naive.apply, document, update, now=NOW)
        assert extended_json.dumps(document) == before
        touched = {path.split(".")[0] for fields in update.values() for path in fields}
        touched |= set(update.get("$rename", {}).values())
        if kind == "value":
            for name in (document.keys() | after.keys()) - touched:
                assert naive.identical(document[name], after[name])


@each_seed
def test_positional_updates_change_elements_alone(seed):
    chosen, documents = laws(seed)
    for document in documents:
        filter, update, array_filters = chosen.positional()
        if not naive.matches(filter, document):
            continue
        kind, after = generate.outcome(
            naive.apply, document, update, filter=filter, array_filters=array_filters
        )
        if kind == "value":
            for name, value in document.items():
                if isinstance(value, list):
                    assert len(after[name]) == len(value)


@each_seed
def test_stages_are_what_others_say(seed):
    chosen, documents = laws(seed)
    filter, sort = chosen.filter(), chosen.sort()
    matched = naive.run([{"$match": filter}], documents)
    assert [each["_id"] for each in matched] == [
        each["_id"] for each in documents if naive.matches(filter, each)
    ]
    ordered = naive.run([{"$sort": sort}], documents)
    assert sorted(each["_id"] for each in ordered) == list(range(len(documents)))
    path = "$" + chosen.path()
    counted = naive.run([{"$sortByCount": path}], documents)
    assert sum(each["count"] for each in counted) == len(documents)
    groups = naive.run([{"$group": {"_id": path, "all": {"$push": "$$ROOT"}}}], documents)
    assert sorted(each["_id"] for group in groups for each in group["all"]) == list(
        range(len(documents))
    )
    faceted = naive.run([{"$facet": {"x": [{"$match": filter}]}}], documents)
    assert naive.identical(faceted, [{"x": matched}])


@each_seed
def test_whatever_is_generated_is_answered(seed):
    """With a value or as documented: nothing else is ever raised, and most is answered."""
    chosen, documents = laws(seed)
    other = chosen.documents(5)
    answered = 0
    for _ in range(20):
        pipeline = chosen.pipeline()
        kind, _ = generate.outcome(naive.run, pipeline, documents, {"other": other})
        answered += kind == "value"
        update = chosen.update()
        kind, _ = generate.outcome(naive.upsert, chosen.filter(), update, now=NOW)
    assert answered >= 10


def test_a_seed_gives_the_same_again():
    first, second = (generate.Generator(7) for _ in range(2))
    for _ in range(20):
        made = [(each.documents(2), each.filter(), each.update()) for each in (first, second)]
        assert repr(made[0]) == repr(made[1])


def test_every_operator_has_a_case():
    """An operator of expressions, filters, updates or stages without a case is not trusted."""
    from naive.accumulators import ACCUMULATORS
    from naive.pipeline import STAGES
    from naive.updates import OPERATORS as UPDATES

    told = "".join(path.read_text() for path in TABLES.glob("*.json"))
    supported = {*naive.OPERATORS, *ACCUMULATORS, *STAGES, *UPDATES, "$rename", "$currentDate"}
    # Its answer is random; the rest only say that they are not supported.
    untold = {"$rand", "$const", "$function", "$accumulator", "$meta"}
    missing = {name for name in supported - untold if f'"{name}"' not in told}
    assert not missing

use forecast::chance::Chance;
use forecast::generated::{Kind, series};
use forecast::{Pattern, pattern};

#[test]
fn the_same_seed_draws_the_same_and_another_does_not() {
    let drawn = |seed, stream| {
        let mut chance = Chance::new(seed, stream);
        [(); 4].map(|()| chance.uniform())
    };
    assert_eq!(drawn(1, 0), drawn(1, 0));
    assert_ne!(drawn(1, 0), drawn(2, 0));
    assert_ne!(drawn(1, 0), drawn(1, 1));
    let thousandths = drawn(42, 0).map(|number| (number * 1000.0) as u32);
    assert_eq!(thousandths, FIRST_OF_42, "what was drawn once is drawn in every release");
}

/// The first numbers of the seed 42, in thousandths.
const FIRST_OF_42: [u32; 4] = [343, 955, 486, 67];

#[test]
fn what_is_drawn_is_spread_as_it_should_be() {
    let mut chance = Chance::new(3, 0);
    let drawn: Vec<f64> = (0..20_000).map(|_| chance.normal()).collect();
    let mean = drawn.iter().sum::<f64>() / 20_000.0;
    let variance = drawn.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / 20_000.0;
    assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
    let happened = (0..20_000).filter(|_| chance.happens(0.25)).count();
    assert!((4_700..5_300).contains(&happened), "{happened}");
}

#[test]
fn generated_series_are_what_their_names_say() {
    let shown = Kind::ALL.map(|kind| (kind.as_str(), pattern(&series(kind, 1, 400).units)));
    let expected = [
        ("steady", Pattern::Smooth),
        ("weekly", Pattern::Smooth),
        ("trend-weekly", Pattern::Smooth),
        ("level-shift", Pattern::Smooth),
        ("walk", Pattern::Smooth),
        ("intermittent", Pattern::Intermittent),
        ("lumpy", Pattern::Lumpy),
    ];
    assert_eq!(shown, expected);
    assert_eq!(series(Kind::Walk, 5, 90), series(Kind::Walk, 5, 90));
    assert_ne!(series(Kind::Walk, 5, 90), series(Kind::Walk, 6, 90));
}

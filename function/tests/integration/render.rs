//! `function render`: thumbnails of files, by the settings of the function.

use std::fs;
use std::path::Path;

use crate::binary::{function, json_lines, run};

/// A picture whose left half is white and whose right half is black.
fn picture(path: &Path, width: u32, height: u32) {
    let pixel = |x, _| image::Rgb(if x < width / 2 { [255; 3] } else { [0; 3] });
    image::RgbImage::from_fn(width, height, pixel)
        .save(path)
        .unwrap();
}

#[test]
fn render_goes_on_after_a_bad_file_and_says_so_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    picture(Path::new(&at("wide.jpg")), 800, 400);
    picture(Path::new(&at("tall.png")), 90, 300);
    fs::write(at("text.jpg"), "no picture").unwrap();
    let files = [
        at("wide.jpg"),
        at("text.jpg"),
        at("missing.jpg"),
        at("tall.png"),
        at(""),
    ];
    let mut command = function(&["render", "--json", "--sizes", "64,256", "--out", &at("out")]);
    command.args(&files);
    let (code, stdout, stderr) = run(command);
    assert_eq!((code, stderr.as_str()), (Some(1), ""));

    let lines = json_lines(&stdout);
    let named: Vec<_> = lines
        .iter()
        .map(|line| line["file"].as_str().unwrap())
        .collect();
    assert_eq!(named, files, "one line for each file, in their order");
    for bad in [1, 2, 4] {
        assert!(lines[bad]["error"].is_string(), "{}", lines[bad]);
        assert!(lines[bad].get("thumbnails").is_none());
    }
    assert_eq!(lines[0]["original"]["format"], "JPEG");
    for (line, sizes) in [(0, [(64, 32), (256, 128)]), (3, [(19, 64), (77, 256)])] {
        for stage in ["decode", "resize", "encode"] {
            assert!(lines[line]["timings_us"][stage].is_u64(), "{}", lines[line]);
        }
        for (thumbnail, (width, height)) in lines[line]["thumbnails"]
            .as_array()
            .unwrap()
            .iter()
            .zip(sizes)
        {
            let file = thumbnail["file"].as_str().unwrap();
            let made = image::open(file).unwrap().into_luma8();
            assert_eq!(made.dimensions(), (width, height), "{file}");
            assert_eq!(thumbnail["bytes"], fs::metadata(file).unwrap().len());
            let (left, right) = (made.get_pixel(2, 5)[0], made.get_pixel(width - 3, 5)[0]);
            assert!(
                left > right + 80,
                "{file} is white on the left: {left} {right}"
            );
        }
    }
    assert!(
        Path::new(&at("out/tall.png/256.jpg")).is_file(),
        "the default keys"
    );
}

#[test]
fn render_for_people_and_in_the_papers_way() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a\n.png");
    picture(&file, 300, 200);
    let mut command = function(&["render", "--recipe", "paper"]);
    command
        .arg("--out")
        .arg(folder.path().join("out"))
        .arg(&file);
    let (code, stdout, _) = run(command);
    assert_eq!(code, Some(0));
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    assert!(
        stdout.contains("a\\n.png: PNG 300x200, recipe paper: 6 thumbnails, jpeg, decode "),
        "{stdout}"
    );
    assert!(
        folder
            .path()
            .join("out/a\n.png.thumbnail(16, 16).jpg")
            .is_file()
    );
}

#[test]
fn render_does_not_overwrite_one_files_thumbnails_by_anothers() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["one", "two"].map(|sub| {
        fs::create_dir(folder.path().join(sub)).unwrap();
        folder.path().join(sub).join("cat.png")
    });
    for file in &files {
        picture(file, 30, 20);
    }
    let mut command = function(&["render", "--json"]);
    command
        .arg("--out")
        .arg(folder.path().join("out"))
        .args(&files);
    let (code, stdout, _) = run(command);
    let lines = json_lines(&stdout);
    assert_eq!(code, Some(1));
    assert!(lines[0]["thumbnails"].is_array(), "{}", lines[0]);
    assert!(
        lines[1]["error"].as_str().unwrap().contains("overwrite"),
        "{}",
        lines[1]
    );
}

#[test]
fn render_tells_files_by_their_thumbnails_and_not_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    picture(&at("a.png"), 30, 20);
    picture(&at("a.jpg"), 30, 20);
    fs::create_dir(at("sub")).unwrap();
    picture(&at("sub/a.jpg"), 30, 20);
    let render = |args: &[&str]| {
        let mut command = function(&["render", "--json", "--sizes", "16", "--out", "out"]);
        command.current_dir(folder.path()).args(args);
        let (code, stdout, _) = run(command);
        (code, json_lines(&stdout))
    };
    let (code, lines) = render(&["--output-key", "flat", "a.png", "a.jpg"]);
    assert_eq!(code, Some(1));
    assert!(lines[0]["thumbnails"].is_array(), "{}", lines[0]);
    let error = lines[1]["error"].as_str().unwrap();
    assert!(error.contains("overwrite thumbnails of a.png"), "{error}");

    let (code, lines) = render(&["./a.jpg", "a.jpg", "sub/../a.jpg", "sub/a.jpg"]);
    assert_eq!(code, Some(0), "{lines:?}");
    assert_eq!(lines[0]["thumbnails"][0]["file"], "out/a.jpg/16.jpg");
    assert_eq!(lines[1]["same_as"], "./a.jpg");
    assert_eq!(lines[2]["same_as"], "./a.jpg");
    assert_eq!(lines[3]["thumbnails"][0]["file"], "out/sub/a.jpg/16.jpg");

    for out_of_it in ["/tmp/x.png", "../x.png", "a/../../x.png", "./x.png"] {
        let (code, lines) = render(&["--as", out_of_it, "a.png"]);
        assert_eq!(code, Some(1));
        let error = lines[0]["error"].as_str().unwrap();
        assert!(error.contains("is no path below a folder"), "{error}");
    }
}

#[test]
fn render_shows_what_a_file_of_recipes_does() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("people")).unwrap();
    picture(&at("people/a.png"), 60, 40);
    picture(&at("b.png"), 60, 40);
    let recipes = "[[recipe]]\nname = 'faces'\nmatch = 'people/**'\nsizes = [16, 200]\n\
                   fit = 'cover'\nformats = ['png', 'jpeg']\n";
    fs::write(at("recipes.toml"), recipes).unwrap();
    let render = |args: &[&str]| {
        let mut command = function(&["render", "--recipes", "recipes.toml", "--out", "out"]);
        command.current_dir(folder.path()).args(args);
        run(command)
    };
    let (code, stdout, _) = render(&["--json", "people/a.png", "b.png"]);
    let lines = json_lines(&stdout);
    assert_eq!(code, Some(1), "b.png is for none of them: {stdout}");
    assert!(
        lines[1]["error"].as_str().unwrap().contains("recipes"),
        "{}",
        lines[1]
    );
    assert_eq!(lines[0]["recipe"], "faces");
    let thumbnails = lines[0]["thumbnails"].as_array().unwrap();
    let made: Vec<_> = thumbnails
        .iter()
        .map(|made| {
            let file = made["file"].as_str().unwrap();
            let shown = image::open(at(file)).unwrap();
            assert_eq!(made["width"], shown.width());
            assert_eq!(made["height"], shown.height());
            (file, shown.width(), shown.height())
        })
        .collect();
    assert_eq!(
        made,
        [
            ("out/people/a.png/16.jpg", 16, 16),
            ("out/people/a.png/16.png", 16, 16),
            ("out/people/a.png/200.jpg", 40, 40),
            ("out/people/a.png/200.png", 40, 40),
        ]
    );

    let (code, stdout, _) = render(&["--as", "people/b.png", "b.png"]);
    assert_eq!(code, Some(0));
    assert!(
        stdout.starts_with("b.png: PNG 60x40, recipe faces: 4 thumbnails, jpeg and png, "),
        "{stdout}"
    );
    let (code, _, stderr) = render(&["--as", "x", "b.png", "people/a.png"]);
    assert_eq!((code, stderr.contains("--as")), (Some(2), true), "{stderr}");
    let (code, _, stderr) = render(&["--sizes", "9", "b.png"]);
    assert_eq!(code, Some(2));
    assert!(
        stderr.contains("RECIPES") && stderr.contains("SIZES"),
        "{stderr}"
    );
}

#[test]
fn render_refuses_what_the_function_would_refuse() {
    let folder = tempfile::tempdir().unwrap();
    picture(&folder.path().join("a.png"), 60, 40);
    let render = |limit: &str, value: &str, by_flag: bool| {
        let mut command = function(&["render", "--out", "out", "--sizes", "16", "a.png"]);
        if by_flag {
            let flag = limit.to_ascii_lowercase().replace('_', "-");
            command.arg(format!("--{flag}")).arg(value);
        } else {
            command.env(limit, value);
        }
        command.current_dir(folder.path());
        run(command)
    };
    let length = fs::metadata(folder.path().join("a.png")).unwrap().len();
    for (limit, enough, said) in [
        (
            "MAX_PIXELS",
            2400,
            "number of pixels is 2400, the limit is 2399",
        ),
        (
            "MAX_SIDE",
            60,
            "longer side in pixels is 60, the limit is 59",
        ),
        ("MAX_BYTES", length, "bytes, more than the"),
    ] {
        for by_flag in [false, true] {
            let (code, stdout, _) = render(limit, &enough.to_string(), by_flag);
            assert_eq!(code, Some(0), "{limit}: {stdout}");
            let (code, stdout, _) = render(limit, &(enough - 1).to_string(), by_flag);
            assert_eq!(code, Some(1), "{limit}: {stdout}");
            assert!(stdout.contains(said), "{limit}: {stdout}");
        }
    }
    let (code, _, stderr) = render("MAX_SIDE", "0", false);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("MAX_SIDE"), "{stderr}");
}

/// How the console looks: by day and by night, from phones to wide screens, and on paper.
enum ConsoleStyle {
    static var text: String { markup.description }

    static let markup: StaticString = """
        :root{color-scheme:light dark;--back:#f6f7f6;--panel:#fff;--text:#17201d;--soft:#56615d;--line:#dde2df;--strong:#175c4c;--on:#fff;--tint:#e6f1ed;--good:#12613f;--goodback:#e0f3e9;--bad:#a32018;--badback:#fbe9e7;--bar:#2f8a73}
        @media (prefers-color-scheme:dark){:root{--back:#101413;--panel:#181e1c;--text:#e6ebe9;--soft:#a0aca7;--line:#2d3633;--strong:#7fd0b8;--on:#0c1a16;--tint:#1d2c28;--good:#7edba8;--goodback:#16301f;--bad:#ff9f95;--badback:#3a1b18;--bar:#4fae95}}
        *{box-sizing:border-box}
        html{-webkit-text-size-adjust:100%}
        body{margin:0;background:var(--back);color:var(--text);font:14px/1.5 system-ui,-apple-system,"Segoe UI","Noto Sans","WenQuanYi Micro Hei","PingFang SC","Microsoft YaHei",sans-serif;font-variant-numeric:tabular-nums}
        a{color:var(--strong);text-decoration:underline;text-decoration-color:color-mix(in srgb,currentColor 35%,transparent);text-underline-offset:.2em}
        a:hover{text-decoration-color:currentColor}
        :focus-visible,[type=date]:focus-within{outline:2px solid var(--strong);outline-offset:2px;border-radius:3px}
        code,pre{font:12.5px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
        pre{background:var(--back);border:1px solid var(--line);border-radius:6px;padding:10px 12px;overflow-x:auto;margin:8px 0}
        h1{font-size:22px;line-height:1.25;font-weight:650;letter-spacing:-.01em;margin:0 0 16px;overflow-wrap:anywhere}
        h2{font-size:15px;font-weight:620;margin:0 0 12px}
        h3{font-size:13px;font-weight:620;margin:20px 0 6px}
        p{margin:0 0 10px;max-width:78ch}
        small{font-size:12px}
        .soft,small,.empty{color:var(--soft)}
        .skip{position:absolute;left:-999px}.skip:focus{left:8px;top:8px;background:var(--panel);padding:8px;z-index:9}
        .bar{display:flex;align-items:center;gap:8px 16px;min-height:52px;padding:8px 20px;background:var(--panel);border-bottom:1px solid var(--line);flex-wrap:wrap}
        .bar form{margin:0}
        .brand{display:flex;gap:8px;align-items:center;font-weight:680;font-size:15px;color:var(--text);text-decoration:none;margin-right:auto}
        .brand svg{fill:var(--strong)}
        .languages{display:flex;gap:12px}
        .languages a[aria-current]{color:var(--text);text-decoration:none;font-weight:620}
        .who{color:var(--soft);overflow-wrap:anywhere}
        .frame{display:grid;grid-template-columns:212px minmax(0,1fr);max-width:1680px;margin:0 auto}
        .menu{padding:20px 8px 32px 20px;border-right:1px solid var(--line);min-height:calc(100vh - 53px)}
        .menu p{margin:16px 10px 4px;font-size:12px;color:var(--soft);overflow-wrap:anywhere}
        .menu p:first-child{margin-top:0}
        .menu ul{list-style:none;margin:0;padding:0}
        .menu a{display:block;padding:5px 10px;border-radius:6px;color:var(--text);text-decoration:none}
        .menu a:hover{background:var(--tint)}
        .menu a[aria-current]{background:var(--tint);color:var(--strong);font-weight:620}
        main{padding:24px 28px 40px;min-width:0}
        .gate{max-width:420px;margin:8vh auto 0;padding:24px}
        .gate h1{margin-bottom:8px}
        .crumbs span:last-child{display:none}
        .badge+form{margin-left:8px}
        .form+*{margin-top:14px}
        .crumbs{display:flex;flex-wrap:wrap;gap:4px 8px;margin-bottom:6px;color:var(--soft);font-size:13px}
        .tabs{display:flex;gap:4px 20px;flex-wrap:wrap;border-bottom:1px solid var(--line);margin:0 0 20px}
        .tabs a{padding:6px 0 8px;color:var(--soft);text-decoration:none;border-bottom:2px solid transparent;margin-bottom:-1px}
        .tabs a:focus-visible,.menu a:focus-visible{outline-offset:-2px}
        .tabs a:hover{color:var(--text)}
        .tabs a[aria-current]{color:var(--text);font-weight:620;border-color:var(--strong)}
        .card,.cards li,.fold{background:var(--panel);border:1px solid var(--line);border-radius:8px}
        .card{padding:18px 20px;margin:0 0 20px}
        .card>:last-child{margin-bottom:0}
        .fold{margin:0 0 12px}
        .fold>summary{padding:9px 14px;cursor:pointer;font-weight:560}
        .fold>.form{padding:4px 14px 16px}
        .card .fold{background:none}
        td .fold{border:0;margin:0}td .fold>summary{padding:0;color:var(--strong);font-weight:400}
        .pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(520px,100%),1fr));gap:0 20px;align-items:start}
        .figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(148px,1fr));gap:1px;margin:0 0 20px;background:var(--panel);border:1px solid var(--line);border-radius:8px;overflow:hidden}
        .figure{background:var(--panel);padding:12px 16px 14px;box-shadow:0 0 0 1px var(--line)}
        .figure dt{font-size:12.5px;color:var(--soft);line-height:1.35}
        .figure dd{margin:2px 0 0;font-size:22px;font-weight:620;letter-spacing:-.01em}
        .figure small{display:block;font-size:13px;font-weight:400;letter-spacing:0}
        .cards{list-style:none;margin:0 0 10px;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(min(250px,100%),1fr));gap:12px}
        .cards li{padding:14px 16px}
        .cards a{display:flex;flex-direction:column;text-decoration:none;color:var(--text);overflow-wrap:anywhere}
        .cards a:hover strong{text-decoration:underline}
        .cards code{color:var(--soft)}
        .cards dl{display:flex;gap:20px;margin:10px 0 0}
        .cards dt{font-size:12px;color:var(--soft)}.cards dd{margin:0;font-weight:620;font-size:16px}
        .facts{display:grid;gap:0;margin:0 0 14px}
        .facts>div{display:grid;grid-template-columns:minmax(120px,34%) minmax(0,1fr);gap:4px 16px;padding:5px 0;border-bottom:1px solid var(--line)}
        .facts>div:last-child{border:0}
        .facts dt{color:var(--soft)}.facts dd{margin:0;overflow-wrap:anywhere}
        .wide{overflow-x:auto;background:var(--panel);border:1px solid var(--line);border-radius:8px;margin:0 0 10px}
        .card .wide{border-radius:6px}
        table{border-collapse:collapse;width:100%}
        th,td{text-align:left;vertical-align:top;padding:7px 14px;border-bottom:1px solid var(--line)}
        td{overflow-wrap:break-word;max-width:46ch}
        th{font-size:12px;font-weight:560;color:var(--soft);background:color-mix(in srgb,var(--back) 55%,var(--panel));white-space:nowrap}
        tbody tr:last-child td{border:0}
        tbody tr:hover{background:color-mix(in srgb,var(--tint) 45%,transparent)}
        td time,td code,td>a{white-space:nowrap}
        .number{text-align:right}
        .pair-of{display:inline-block;margin-right:10px}.pair-of b,.stream b{font-weight:400;color:var(--soft)}
        .badge{display:inline-block;padding:0 8px;border-radius:9px;background:var(--back);border:1px solid var(--line);font-size:12px;line-height:18px;white-space:nowrap}
        .good{background:var(--goodback);border-color:transparent;color:var(--good)}
        .bad{background:var(--badback);border-color:transparent;color:var(--bad)}
        button,input,select,textarea{font:inherit;color:inherit}
        button{background:var(--panel);border:1px solid color-mix(in srgb,var(--text) 28%,var(--line));border-radius:6px;padding:6px 14px;cursor:pointer;min-height:34px}
        button:hover{background:var(--tint)}
        button[disabled]{cursor:not-allowed;color:var(--soft);background:none;border-style:dashed}
        .primary{background:var(--strong);border-color:var(--strong);color:var(--on);font-weight:560}
        .primary:hover{background:color-mix(in srgb,var(--strong) 88%,var(--text))}
        .danger{border-color:var(--bad);color:var(--bad)}.danger:hover{background:var(--badback)}
        .quiet,.row button,.switch{min-height:26px;padding:1px 10px;font-size:13px}
        .row{display:inline}
        .buttons{display:flex;flex-wrap:wrap;gap:8px;margin-bottom:14px}
        .form{display:grid;gap:12px;justify-items:start;max-width:520px}
        .field{display:grid;gap:3px;width:100%}
        .field label{font-size:12.5px;color:var(--soft)}
        .fault{color:var(--bad)}
        input,select,textarea{width:100%;min-height:34px;padding:5px 10px;background:var(--panel);border:1px solid color-mix(in srgb,var(--text) 32%,var(--line));border-radius:6px}
        [aria-invalid]{border-color:var(--bad)}
        progress{width:100%;max-width:220px;height:12px;accent-color:var(--bar);vertical-align:middle}
        fieldset{border:0;margin:0;padding:0;width:100%;min-width:0;display:grid;gap:3px}legend{padding:0;font-size:12.5px;color:var(--soft)}
        td .fold[open]{min-width:260px}
        td .digest{display:inline-block;white-space:normal;overflow-wrap:anywhere;min-width:33ch}
        [type=checkbox]{width:auto;min-height:0;margin:0 6px 0 0}
        .filters{display:flex;flex-wrap:wrap;gap:10px;align-items:end;margin:0 0 14px}
        .filters .field{width:auto;flex:0 1 168px}.filters .field:has(>button){flex:none}
        .filters .clear{padding:6px 0}
        .pages{display:flex;flex-wrap:wrap;gap:4px 20px;margin:0 0 24px}
        .alert,.notice{border-radius:8px;padding:11px 16px;margin:0 0 16px;border:1px solid transparent;width:100%;overflow-wrap:anywhere}
        .alert p,.notice p{margin:0}
        .alert{background:var(--badback);color:var(--bad)}.alert .soft{color:inherit}
        .notice{background:var(--goodback);color:var(--good)}
        .notice dl{margin:8px 0 0;color:var(--text)}
        .chart{display:block;width:100%;height:auto;max-height:190px;margin-bottom:8px}
        .chart rect{fill:var(--bar)}.chart line{stroke:var(--line)}.chart text{fill:var(--soft);font-size:11px}
        .chart polyline,.legend polyline{fill:none;stroke:var(--bar);stroke-width:2.5;stroke-linejoin:round;stroke-linecap:round}
        .chart .second,.legend .second{stroke:var(--soft);stroke-width:1.5;stroke-dasharray:4 4}
        .ends{display:flex;justify-content:space-between;max-width:none;font-size:12px;color:var(--soft)}
        .legend{display:flex;flex-wrap:wrap;gap:2px 20px;font-size:12.5px;color:var(--soft)}.legend svg{margin-right:6px;vertical-align:middle}
        .figures-behind summary{cursor:pointer;color:var(--strong);margin-bottom:8px}.figures-behind td:first-child{white-space:nowrap}
        .stream{list-style:none;margin:0;padding:0;max-height:420px;overflow:auto}
        .stream li{padding:5px 0;border-top:1px solid var(--line);overflow-wrap:anywhere;font-size:13px}
        footer{margin-top:32px;font-size:12.5px}
        [hidden]{display:none}
        @media (max-width:760px){
        .bar{padding:8px 14px}.who{order:9;flex-basis:100%;font-size:12.5px}
        .frame{display:block}
        .menu{display:flex;gap:2px;overflow-x:auto;min-height:0;border:0;border-bottom:1px solid var(--line);padding:6px 10px;background:var(--panel)}
        .menu p{display:none}.menu ul{display:flex}.menu a{white-space:nowrap}
        main{padding:16px 14px 32px}.card{padding:14px}
        .figures{grid-template-columns:repeat(2,minmax(0,1fr))}.figure{padding:10px 12px}
        .filters .field{flex:1 1 40%}.tabs{flex-wrap:nowrap;overflow-x:auto;padding-bottom:1px}.tabs a{white-space:nowrap}.tabs,.menu,.wide{scroll-padding-inline:24px}
        }
        .report h2{margin-top:24px}.report code{font-size:inherit}
        .report thead th{white-space:normal;word-break:keep-all;vertical-align:bottom}
        .report tbody:last-child tr:last-child th{border:0}
        .report th[scope=row]{font:inherit;font-weight:400;color:inherit;background:none;white-space:normal;overflow-wrap:anywhere;min-width:14ch}
        .report tfoot th,.report tfoot td{font-weight:620;border-top:1px solid var(--line);border-bottom:0}
        @media print{
        :root{color-scheme:light;--back:#fff;--panel:#fff;--text:#000;--soft:#000;--line:#888;--strong:#000;--on:#fff;--tint:#fff;--good:#000;--goodback:#fff;--bad:#000;--badback:#fff;--bar:#000}
        .bar,.crumbs,.tabs,.menu,.filters,.pages,.fold,form,.skip{display:none}
        .frame{display:block}main{padding:0}body{background:#fff;font-size:11px}
        .card,.figures{break-inside:avoid}.card,.wide{border:0;padding:0;overflow:visible}
        .report section{break-inside:avoid}.report .long{break-before:page;break-inside:auto}
        th,td{padding:3px 6px;white-space:normal}thead{display:table-header-group}tr{break-inside:avoid}h2{break-after:avoid}
        }
        """
}

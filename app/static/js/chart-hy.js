/* The words of the chart library in Armenian; it knows most other languages itself. */

globalThis.echarts.registerLocale("HY", {
  time: {
    month: ["հունվար", "փետրվար", "մարտ", "ապրիլ", "մայիս", "հունիս", "հուլիս", "օգոստոս", "սեպտեմբեր", "հոկտեմբեր", "նոյեմբեր", "դեկտեմբեր"],
    monthAbbr: ["հնվ", "փտվ", "մրտ", "ապր", "մյս", "հնս", "հլս", "օգս", "սեպ", "հոկ", "նոյ", "դեկ"],
    dayOfWeek: ["կիրակի", "երկուշաբթի", "երեքշաբթի", "չորեքշաբթի", "հինգշաբթի", "ուրբաթ", "շաբաթ"],
    dayOfWeekAbbr: ["կիր", "երկ", "երք", "չրք", "հնգ", "ուր", "շբթ"],
  },
  legend: { selector: { all: "Բոլորը", inverse: "Հակառակը" } },
  toolbox: {
    brush: { title: { rect: "Ուղղանկյուն", polygon: "Ազատ ձև", lineX: "Հորիզոնական", lineY: "Ուղղահայաց", keep: "Պահել ընտրվածը", clear: "Մաքրել ընտրվածը" } },
    dataView: { title: "Տվյալներ", lang: ["Տվյալներ", "Փակել", "Թարմացնել"] },
    dataZoom: { title: { zoom: "Մեծացնել", back: "Վերադարձնել չափը" } },
    magicType: { title: { line: "Գծեր", bar: "Սյունակներ", stack: "Իրար վրա", tiled: "Կողք կողքի" } },
    restore: { title: "Վերականգնել" },
    saveAsImage: { title: "Պահել որպես նկար", lang: ["Պահելու համար սեղմեք աջ կոճակը"] },
  },
  series: {
    typeNames: { pie: "Շրջանաձև գծապատկեր", bar: "Սյունակային գծապատկեր", line: "Գծային գծապատկեր", scatter: "Կետային գծապատկեր", chart: "Գծապատկեր" },
  },
  aria: {
    general: { withTitle: "Գծապատկեր՝ «{title}»", withoutTitle: "Գծապատկեր" },
    series: {
      single: { prefix: "", withName: "․ {seriesName}, {seriesType}։", withoutName: "․ {seriesType}։" },
      multiple: { prefix: "․ շարքերի քանակը՝ {seriesCount}։", withName: " {seriesName}, {seriesType}։", withoutName: " {seriesType}։", separator: { middle: "", end: "" } },
    },
    data: {
      allData: "Տվյալները՝ ", partialData: "Առաջին {displayCnt} տվյալները՝ ", withName: "{name}՝ {value}", withoutName: "{value}",
      separator: { middle: ", ", end: "։ " },
    },
  },
});

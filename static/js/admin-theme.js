// The admin's <html> is Django's: takes the chosen theme from the head before anything is drawn.
const theme = document.querySelector("meta[name=signoff-theme]").content;
if (theme) document.documentElement.dataset.theme = theme;
